package consulting.lmx.conversation.console;

import consulting.lmx.conversation.testsupport.Browser;
import consulting.lmx.conversation.testsupport.Service;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.bson.Document;

/**
 * How far a page is behind the report. The page notes each change of what it shows with its time, which is this machine's;
 * the report is asked for beside it.
 *
 * @param shown the numbers of healed keys that the page has shown, in order
 * @param reports how many times the report was asked for
 * @param longest milliseconds between asking for a report and the first moment at which the page showed as much, at most
 */
record PageLag(List<Long> shown, int reports, long longest) {

    private static final String RECORD = """
            window.changes = [];
            const note = () => window.changes.push({
              at: Date.now(),
              state: document.getElementById('state').textContent,
              healed: Number(document.getElementById('healed').textContent.replace(/[^0-9]/g, '')),
            });
            new MutationObserver(note).observe(document.getElementById('main'),
              { subtree: true, childList: true, characterData: true });
            note();
            """;

    /** What was known at a moment; the end counts as more than any number. */
    private record Known(long at, long healed) {}

    /** Follows both until the page says VERIFIED. */
    static PageLag measure(Browser browser, Service service, String admin) {
        browser.script(RECORD);
        List<Known> reports = new ArrayList<>();
        Awaitility.await("the heal ends")
                .atMost(Duration.ofMinutes(10))
                .pollInterval(Duration.ofMillis(40))
                .until(() -> {
                    long asked = System.currentTimeMillis();
                    Document report =
                            Document.parse(service.get("/api/admin/integrity", "Authorization", "Bearer " + admin)
                                    .body());
                    reports.add(new Known(asked, healed(report.getString("state"), report)));
                    return report.getString("state").equals("VERIFIED");
                });
        browser.awaitText("#state", "VERIFIED");
        List<Known> page = new ArrayList<>();
        for (Object change : (List<?>) browser.script("return window.changes.map((c) => JSON.stringify(c))")) {
            Document seen = Document.parse((String) change);
            page.add(new Known(
                    seen.get("at", Number.class).longValue(),
                    seen.getString("state").equals("VERIFIED")
                            ? Long.MAX_VALUE
                            : seen.get("healed", Number.class).longValue()));
        }
        long longest = reports.stream()
                .mapToLong(report -> page.stream()
                        .filter(seen -> seen.healed() >= report.healed())
                        .mapToLong(seen -> Math.max(0, seen.at() - report.at()))
                        .findFirst()
                        .orElseThrow())
                .max()
                .orElseThrow();
        List<Long> shown = page.stream()
                .map(Known::healed)
                .filter(healed -> healed < Long.MAX_VALUE)
                .distinct()
                .toList();
        return new PageLag(shown, reports.size(), longest);
    }

    private static long healed(String state, Document report) {
        return state.equals("VERIFIED")
                ? Long.MAX_VALUE
                : report.getEmbedded(List.of("progress", "healed"), Number.class)
                        .longValue();
    }
}
