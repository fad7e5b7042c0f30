package consulting.lmx.conversation.cli;

import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;

/** Shows how far a run is: a bar with rate and remaining time on a terminal, plain lines elsewhere; on standard error. */
final class RunDisplay {

    private static final Duration LINES_EVERY = Duration.ofSeconds(5);
    private static final Duration BAR_EVERY = Duration.ofMillis(200);

    private final RunProgress progress;
    private final PrintStream out;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(work -> {
        Thread thread = new Thread(work, "run-display");
        thread.setDaemon(true);
        return thread;
    });
    private final ProgressBar bar;
    private final long begun = System.nanoTime();

    RunDisplay(RunProgress progress, PrintStream out, boolean terminal) {
        this.progress = progress;
        this.out = out;
        this.bar = terminal
                ? new ProgressBarBuilder()
                        .setTaskName("heal")
                        .setConsumer(new ConsoleProgressBarConsumer(out))
                        .setUpdateIntervalMillis((int) BAR_EVERY.toMillis())
                        .showSpeed()
                        .build()
                : null;
        Duration every = terminal ? BAR_EVERY : LINES_EVERY;
        timer.scheduleAtFixedRate(this::show, every.toMillis(), every.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void show() {
        if (bar != null) {
            bar.maxHint(progress.healedSoFar() + progress.remaining());
            bar.stepTo(progress.healedSoFar());
            bar.setExtraMessage(" " + progress.step());
        } else {
            out.println(line());
        }
    }

    private String line() {
        long healed = progress.healedSoFar();
        double rate = healed / ((System.nanoTime() - begun) / 1e9);
        String left = rate > 0 ? String.format(Locale.ROOT, "%.0f s left", progress.remaining() / rate) : "";
        return String.format(
                Locale.ROOT,
                "%s: %d healed, %d remaining, %.0f a second, %s",
                progress.step(),
                healed,
                progress.remaining(),
                rate,
                left);
    }

    /** Ends it; calls after the first do nothing. */
    void close() {
        if (timer.isShutdown()) {
            return;
        }
        timer.shutdown();
        if (bar != null) {
            show();
            bar.close();
        }
    }
}
