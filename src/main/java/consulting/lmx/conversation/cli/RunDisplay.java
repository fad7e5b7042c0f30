package consulting.lmx.conversation.cli;

import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Shows the progress of a run: a bar that is redrawn on a terminal, plain lines elsewhere. */
final class RunDisplay {

    private static final Duration LINE_INTERVAL = Duration.ofSeconds(5);
    private static final Duration BAR_INTERVAL = Duration.ofMillis(200);
    private static final int BAR_WIDTH = 20;

    /** The ANSI sequence that erases the rest of the line. */
    private static final String ERASE = "\u001b[K";

    private final RunProgress progress;
    private final PrintStream out;
    private final boolean terminal;
    private final long start = System.nanoTime();
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "run-display");
        thread.setDaemon(true);
        return thread;
    });

    RunDisplay(RunProgress progress, PrintStream out, boolean terminal) {
        this.progress = progress;
        this.out = out;
        this.terminal = terminal;
        long interval = (terminal ? BAR_INTERVAL : LINE_INTERVAL).toMillis();
        timer.scheduleAtFixedRate(this::show, interval, interval, TimeUnit.MILLISECONDS);
    }

    private void show() {
        double seconds = (System.nanoTime() - start) / 1e9;
        String line = line(progress.step(), progress.totalHealed(), progress.remaining(), seconds);
        if (terminal) {
            out.print("\r" + bar(progress.totalHealed(), progress.remaining()) + " " + line + ERASE);
            out.flush();
        } else {
            out.println(line);
        }
    }

    static String bar(long healed, long remaining) {
        long total = healed + remaining;
        int done = total == 0 ? 0 : (int) (BAR_WIDTH * healed / total);
        return "[" + "=".repeat(done) + " ".repeat(BAR_WIDTH - done) + "]";
    }

    static String line(String step, long healed, long remaining, double seconds) {
        double rate = healed / seconds;
        String left = rate > 0 ? String.format(Locale.ROOT, ", %.0f s left", remaining / rate) : "";
        return String.format(
                Locale.ROOT, "%s: %d healed, %d remaining, %.0f per second%s", step, healed, remaining, rate, left);
    }

    /** Ends the display. Further calls do nothing. */
    void end() {
        if (!timer.isShutdown()) {
            timer.shutdown();
            if (terminal) {
                show();
                out.println();
            }
        }
    }
}
