package consulting.lmx.conversation.http;

import consulting.lmx.conversation.text.Text;
import io.quarkus.logging.LoggingFilter;
import java.util.logging.Filter;
import java.util.logging.LogRecord;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logmanager.ExtFormatter;
import org.jboss.logmanager.ExtLogRecord;

/**
 * Escapes line breaks and control characters in the messages and exceptions of a text log, so that callers cannot forge log
 * lines by paths or IDs. A JSON log needs no escaping.
 */
@LoggingFilter(name = "one-line")
public final class OneLineLog implements Filter {

    private static final ExtFormatter MESSAGE = new ExtFormatter() {
        @Override
        public String format(ExtLogRecord record) {
            return formatMessage(record);
        }
    };

    private final boolean json;

    OneLineLog(@ConfigProperty(name = "quarkus.log.console.json.enabled") boolean json) {
        this.json = json;
    }

    @Override
    public boolean isLoggable(LogRecord record) {
        if (!json && record instanceof ExtLogRecord extended) {
            String message = MESSAGE.format(extended);
            String line = Text.oneLine(message);
            if (!line.equals(message)) {
                extended.setMessage(line, ExtLogRecord.FormatStyle.NO_FORMAT);
            }
            if (extended.getThrown() != null) {
                extended.setThrown(new OneLine(extended.getThrown()));
            }
        }
        return true;
    }

    /** An exception with the same trace and its message on one line. */
    private static final class OneLine extends Throwable {

        private final transient Throwable original;

        OneLine(Throwable original) {
            super(null, original.getCause() == null ? null : new OneLine(original.getCause()), false, true);
            this.original = original;
            setStackTrace(original.getStackTrace());
        }

        @Override
        public Throwable fillInStackTrace() {
            return this;
        }

        @Override
        public String toString() {
            return Text.oneLine(original.toString());
        }
    }
}
