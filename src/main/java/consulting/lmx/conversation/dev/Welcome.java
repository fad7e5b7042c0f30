package consulting.lmx.conversation.dev;

import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import io.quarkus.arc.profile.IfBuildProfile;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.util.Locale;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Prints what dev mode found and healed, and a first call to try. */
@IfBuildProfile("dev")
@ApplicationScoped
public class Welcome {

    private final int port;

    Welcome(@ConfigProperty(name = "quarkus.http.port") int port) {
        this.port = port;
    }

    void onVerified(@Observes IntegrityReport report) {
        System.out.printf(Locale.ROOT, """

                Read %d conversations and healed %d broken sessionIds in %.2f s:
                  %s
                Every conversation has a unique sessionId. Try:

                  curl -s -X POST -H 'Content-Type: application/json' -d '{}' http://localhost:%d/api/conversation/start

                """, report.scanned(), report.healed(), report.seconds(), report.broken(), port);
    }
}
