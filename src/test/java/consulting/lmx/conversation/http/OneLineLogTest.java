package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;

import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.Level;
import org.jboss.logmanager.formatters.PatternFormatter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OneLineLogTest {

    private static String logged(boolean json, String message, Throwable thrown) {
        ExtLogRecord record = new ExtLogRecord(
                Level.INFO, "path=%s", ExtLogRecord.FormatStyle.PRINTF, OneLineLogTest.class.getName());
        record.setParameters(new Object[] {message});
        record.setThrown(thrown);
        assertThat(new OneLineLog(json).isLoggable(record)).isTrue();
        return new PatternFormatter("%s%e").format(record);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a\nFORGED", "a\r\nFORGED", "a\u2028FORGED", "a\u0085FORGED"})
    void messageStaysOnOneLine(String message) {
        assertThat(logged(false, message, null))
                .startsWith("path=a\\u")
                .endsWith("FORGED")
                .hasLineCount(1);
    }

    @Test
    void exceptionKeepsMessageTraceAndCauseOnOneLine() {
        Exception cause = new IllegalArgumentException("inner\nFORGED");
        String log = logged(false, "a", new IllegalStateException("outer\nFORGED", cause));
        assertThat(log)
                .contains("java.lang.IllegalStateException: outer\\u000aFORGED")
                .contains("Caused by: java.lang.IllegalArgumentException: inner\\u000aFORGED")
                .contains("at " + OneLineLogTest.class.getName());
        assertThat(log.lines()).noneMatch(line -> line.strip().startsWith("FORGED"));
    }

    @Test
    void singleLineIsNotChanged() {
        Throwable thrown = new IllegalStateException("all is well: \"ä\"");
        assertThat(logged(false, "/api/conversation/ä%2F", thrown))
                .startsWith("path=/api/conversation/ä%2F")
                .contains("java.lang.IllegalStateException: all is well: \"ä\"");
    }

    @Test
    void jsonLogIsNotChanged() {
        assertThat(logged(true, "a\nb", null)).isEqualTo("path=a\nb");
    }
}
