package consulting.lmx.conversation.abuse;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** A table of {@code src/test/resources/abuse}: a header, one row per line, columns separated by bars, comments after {@code #}. */
final class Table {

    private final List<String> head;
    private final List<List<String>> rows;

    private Table(List<String> head, List<List<String>> rows) {
        this.head = head;
        this.rows = rows;
    }

    static Table read(String name) {
        try (InputStream in = Table.class.getResourceAsStream("/abuse/" + name)) {
            List<List<String>> lines = new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .map(line -> Arrays.stream(line.split("\\s\\|(?=\\s|$)", -1))
                            .map(String::strip)
                            .toList())
                    .toList();
            return new Table(lines.get(0), lines.subList(1, lines.size()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    List<Row> rows() {
        return rows.stream().map(Row::new).toList();
    }

    /** All columns except the name and the last one. */
    List<String> places() {
        return head.subList(1, head.size() - 1);
    }

    final class Row {

        private final List<String> cells;

        private Row(List<String> cells) {
            if (cells.size() != head.size()) {
                throw new IllegalStateException("Not as many columns as the head has: " + cells);
            }
            this.cells = cells;
        }

        String name() {
            return cells.get(0);
        }

        String get(String column) {
            return cells.get(head.indexOf(column));
        }
    }
}
