package consulting.lmx.conversation.problem;

import jakarta.annotation.security.PermitAll;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.eclipse.microprofile.openapi.annotations.Operation;

/** The page that describes each {@link ErrorCode}, to which the {@code type} of a problem refers. */
@Path(ProblemTypesResource.PATH)
public class ProblemTypesResource {

    static final String PATH = "/problems";

    private static final String PAGE = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Problem types · Conversation service</title>
            <link rel="stylesheet" href="console/console.css">
            </head>
            <body>
            <main class="width">
            <h1>Problem types</h1>
            <p>The service answers errors with a problem document (RFC 9457). Its <code>code</code> is one of these.</p>
            %s
            </main>
            </body>
            </html>
            """.formatted(
            Arrays.stream(ErrorCode.values()).map(ProblemTypesResource::section).collect(Collectors.joining("\n")));

    private static String section(ErrorCode code) {
        return "<section class=\"card\" id=\"%1$s\"><h2>%1$s</h2><p>%2$d %3$s</p><p>%4$s</p></section>"
                .formatted(code.code(), code.status(), code.title(), code.description());
    }

    @GET
    @PermitAll
    @Produces(MediaType.TEXT_HTML)
    @Operation(hidden = true)
    public String page() {
        return PAGE;
    }
}
