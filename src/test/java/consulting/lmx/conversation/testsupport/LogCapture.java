package consulting.lmx.conversation.testsupport;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.formatters.PatternFormatter;

/** The records of a logger and its descendants, from the creation of this handler until it is closed. */
public final class LogCapture extends Handler implements AutoCloseable {

    private static final PatternFormatter MESSAGE = new PatternFormatter("%s");
    private static final PatternFormatter ALL = new PatternFormatter("%p %s%e");

    private final Logger logger;
    private final List<ExtLogRecord> records = new CopyOnWriteArrayList<>();

    /** @param logger its name; empty for all loggers */
    public LogCapture(String logger) {
        this.logger = Logger.getLogger(logger);
        this.logger.addHandler(this);
    }

    @Override
    public void publish(LogRecord entry) {
        ExtLogRecord captured = ExtLogRecord.wrap(entry);
        captured.copyMdc();
        records.add(captured);
    }

    /** The records with a message that contains {@code text}, oldest first. */
    public List<ExtLogRecord> records(String text) {
        return records.stream()
                .filter(entry -> MESSAGE.format(entry).contains(text))
                .toList();
    }

    /** The messages of all records, oldest first. */
    public List<String> messages() {
        return records.stream().map(MESSAGE::format).toList();
    }

    /** Level, message and stack trace of {@link #records}. */
    public List<String> lines(String text) {
        return records(text).stream().map(ALL::format).toList();
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
        logger.removeHandler(this);
    }
}
