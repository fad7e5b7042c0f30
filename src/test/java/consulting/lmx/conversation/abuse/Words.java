package consulting.lmx.conversation.abuse;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What stands in the tables for something longer: {@code <<word>>} for what the test knows by it, {@code <<text*count>>} for a
 * text that is repeated, {@code <<64 text>>} for a text in Base64. A character is a byte.
 */
final class Words {

    private static final Pattern WORD = Pattern.compile("<<(.+?)>>", Pattern.DOTALL);
    private static final Pattern REPEATED = Pattern.compile("(.+)\\*(\\d+)", Pattern.DOTALL);
    private static final Pattern ESCAPE = Pattern.compile("\\\\(r|n|t|x[0-9a-f]{2})");

    private final Map<String, String> known = new HashMap<>();

    void put(String word, String text) {
        known.put(word, text);
    }

    String fill(String text) {
        return replaced(WORD, text, word -> Optional.ofNullable(known.get(word)).orElseGet(() -> made(word)));
    }

    /** Replaces the escapes of the tables, then the words. */
    String fillEscaped(String text) {
        return fill(replaced(ESCAPE, text, escape -> switch (escape.charAt(0)) {
            case 'r' -> "\r";
            case 'n' -> "\n";
            case 't' -> "\t";
            default -> String.valueOf((char) Integer.parseInt(escape.substring(1), 16));
        }));
    }

    private static String made(String word) {
        if (word.startsWith("64 ")) {
            byte[] bytes = word.substring(3).getBytes(StandardCharsets.ISO_8859_1);
            return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
        }
        Matcher repeated = REPEATED.matcher(word);
        if (repeated.matches()) {
            return repeated.group(1).repeat(Integer.parseInt(repeated.group(2)));
        }
        throw new IllegalStateException("Nobody knows the word " + word);
    }

    private static String replaced(Pattern pattern, String text, UnaryOperator<String> by) {
        return pattern.matcher(text).replaceAll(found -> Matcher.quoteReplacement(by.apply(found.group(1))));
    }
}
