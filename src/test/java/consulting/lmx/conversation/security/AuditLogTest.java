package consulting.lmx.conversation.security;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.testsupport.LogCapture;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AuditLogTest {

    private static final Logger LOGGER = Logger.getLogger("audit");

    private LogCapture log;

    @BeforeEach
    void listen() {
        LOGGER.setLevel(Level.INFO);
        log = new LogCapture("audit");
    }

    @AfterEach
    void leave() {
        log.close();
    }

    private List<String> lines() {
        assertThat(log.records("")).extracting(LogRecord::getLevel).containsOnly(org.jboss.logmanager.Level.INFO);
        return log.messages();
    }

    @Test
    void entryHasEventCallerAndCount() {
        AuditLog.deletion("ann", "a-conversation");
        AuditLog.truncation("ann", "a-conversation", 41, 2);
        AuditLog.deletionOfAll("ann", 7);
        AuditLog.export("ann", "a-conversation", 250);
        AuditLog.heal("root", "r-1", true);
        AuditLog.erasure("ann", 7, 2);
        assertThat(lines())
                .containsExactly(
                        "event=audit-deletion who=\"ann\" conversation=\"a-conversation\" count=1",
                        "event=audit-truncation who=\"ann\" conversation=\"a-conversation\" from=41 count=2",
                        "event=audit-deletion-of-all who=\"ann\" count=7",
                        "event=audit-export who=\"ann\" conversation=\"a-conversation\" count=250",
                        "event=audit-heal who=\"root\" run=r-1 dry-run=true",
                        "event=audit-erasure who=\"operator\" user=\"ann\" count=7 blocks=2");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ann\nevent=audit-deletion who=\"bob\"",
                "ann\" count=9 x=\"",
                "ann\\\" count=9 x=\\\"",
                "ann\r",
                "ann\u0085b",
                "ann\u2028b",
                "ann\u001b[2Kbob",
                "ann\u202ebob",
                "%s%n%d",
                "ann\udb40\udc01",
                "ann\ud800"
            })
    void subjectCannotForgeAnEntry(String subject) {
        AuditLog.deletion(subject, subject);
        assertThat(lines())
                .singleElement()
                .asString()
                .matches("event=audit-deletion who=\"(?<id>(\\\\.|[^\"\\\\\\p{C}\\p{Zl}\\p{Zp}])*)\""
                        + " conversation=\"\\k<id>\" count=1");
    }

    @Test
    void readableTextIsNotEscaped() {
        AuditLog.deletion("Änn Ōe 😀 <ann@example.com>", "a\tb");
        assertThat(lines())
                .containsExactly(
                        "event=audit-deletion who=\"Änn Ōe 😀 <ann@example.com>\" conversation=\"a\\u0009b\" count=1");
    }
}
