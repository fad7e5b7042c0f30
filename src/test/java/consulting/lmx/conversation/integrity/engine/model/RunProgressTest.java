package consulting.lmx.conversation.integrity.engine.model;

import static consulting.lmx.conversation.integrity.engine.TestCollection.CONVERSATION_ID;
import static consulting.lmx.conversation.integrity.engine.TestCollection.SESSION_ID;
import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.integrity.IntegrityView;
import consulting.lmx.conversation.integrity.engine.TestCollection;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RunProgressTest {

    private static final Instant BEGUN = Instant.parse("2025-03-01T00:00:00Z");

    private final List<String> heard = new ArrayList<>();
    private final RunProgress progress =
            new RunProgress("run", BEGUN, TestCollection.INVARIANT, (defect, n) -> heard.add(defect.word() + " " + n));

    @Test
    void countsEachKeyAloneAndBothTogether() {
        progress.counts(SESSION_ID).found(Defect.NULL, 5);
        progress.counts(CONVERSATION_ID).found(Defect.NULL, 2);
        progress.counts(CONVERSATION_ID).found(Defect.BLANK, 1);
        progress.healed(SESSION_ID, Defect.NULL, 4);
        progress.healed(CONVERSATION_ID, Defect.BLANK, 1);

        assertThat(progress.counts(SESSION_ID).brokenByWord()).containsEntry("null", 5L);
        assertThat(progress.counts(SESSION_ID).totalHealed()).isEqualTo(4);
        assertThat(progress.counts(CONVERSATION_ID).brokenByWord())
                .containsEntry("null", 2L)
                .containsEntry("blank", 1L)
                .containsEntry("missing", 0L);
        assertThat(progress.totalHealed()).isEqualTo(5);
        assertThat(progress.brokenByWord()).containsEntry("null", 7L).containsEntry("blank", 1L);
        assertThat(progress.healedByWord()).containsEntry("null", 4L).containsEntry("blank", 1L);
        assertThat(heard).containsExactly("null 4", "blank 1");
        assertThat(progress.run()).isEqualTo("run");
        assertThat(progress.startedAt()).isEqualTo(BEGUN);
    }

    @Test
    void remainingExcludesWhatWasDoneSinceTheCount() {
        assertThat(progress.remaining()).isZero();
        progress.healed(SESSION_ID, Defect.NULL, 3);
        progress.deleted(2);
        assertThat(progress.remaining()).isZero();
        progress.countedBroken(10);
        assertThat(progress.remaining()).isEqualTo(10);
        progress.healed(SESSION_ID, Defect.NULL, 3);
        progress.deleted(1);
        assertThat(progress.remaining()).isEqualTo(6);
        assertThat(progress.deleted()).isEqualTo(3);
        progress.healed(SESSION_ID, Defect.NULL, 100);
        assertThat(progress.remaining()).isZero();
    }

    @Test
    void summaryNamesStepAndNumbers() {
        progress.step("backfill");
        progress.countedBroken(10);
        progress.healed(SESSION_ID, Defect.NULL, 3);
        assertThat(progress.summary()).isEqualTo("backfill, 3 healed, 7 left");
    }

    @Test
    void scannedIsTheLargestReportedNumber() {
        progress.scanned(5);
        progress.scanned(9);
        progress.scanned(7);
        assertThat(progress.scanned()).isEqualTo(9);
    }

    @Test
    void secondsCoverEachScanUpToItsLastWrite() {
        assertThat(progress.seconds()).isZero();
        long before = System.nanoTime();
        progress.scanning();
        assertThat(progress.seconds()).isZero();
        progress.healed(SESSION_ID, Defect.NULL, 1);
        double first = progress.seconds();
        assertThat(first).isPositive();
        progress.scanning();
        assertThat(progress.seconds()).isEqualTo(first);
        progress.deleted(1);
        assertThat(progress.seconds()).isGreaterThan(first);
        progress.scanning();
        assertThat(progress.seconds()).isLessThanOrEqualTo((System.nanoTime() - before) / 1e9);
    }

    @Test
    void viewShowsTheCurrentProgress() {
        progress.step("backfill");
        progress.counts(SESSION_ID).found(Defect.NULL, 5);
        progress.healed(SESSION_ID, Defect.NULL, 4);
        progress.countedBroken(1);
        IntegrityView.ProgressView shown = IntegrityView.ProgressView.of(progress);
        assertThat(shown.run()).isEqualTo("run");
        assertThat(shown.startedAt()).isEqualTo(BEGUN);
        assertThat(shown.step()).isEqualTo("backfill");
        assertThat(shown.healed()).isEqualTo(4);
        assertThat(shown.remaining()).isEqualTo(1);
        assertThat(shown.found()).containsEntry("null", 5L);
        assertThat(shown.healedByReason()).containsEntry("null", 4L);
    }
}
