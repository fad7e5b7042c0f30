package consulting.lmx.conversation.dev;

import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import io.quarkus.arc.profile.IfBuildProfile;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Tells a newcomer what was found and healed, and how to go on. */
@IfBuildProfile("dev")
@ApplicationScoped
public class Welcome {

    private final int port;

    Welcome(@ConfigProperty(name = "quarkus.http.port") int port) {
        this.port = port;
    }

    void onVerified(@Observes IntegrityReport report) {
        System.out.println(text(report));
    }

    private String text(IntegrityReport report) {
        String reasons = report.broken().entrySet().stream()
                .filter(reason -> reason.getValue() > 0)
                .map(reason -> String.format(Locale.ROOT, "    %-14s %6d%n", reason.getKey(), reason.getValue()))
                .collect(Collectors.joining());
        String others = report.others().entrySet().stream()
                .filter(key -> key.getValue().healed() > 0)
                .map(Welcome::other)
                .collect(Collectors.joining());
        String found = report.healed() == 0
                ? "Nothing was broken.\n"
                : String.format(
                        Locale.ROOT,
                        "%d conversations were looked through, and %d broken sessionIds healed in %.2f s, by reason:%n%s",
                        report.scanned(),
                        report.healed(),
                        report.seconds(),
                        reasons);
        return String.format(Locale.ROOT, """

                %s%sThe invariant holds: every conversation has a sessionId of its own. Try:

                  curl -s -X POST -H 'Content-Type: application/json' -d '{}' http://localhost:%d/api/conversation/start
                """, found, others, port);
    }

    private static String other(Map.Entry<String, IntegrityReport.KeyReport> key) {
        return String.format(Locale.ROOT, "and %d broken %ss%n", key.getValue().healed(), key.getKey());
    }
}
