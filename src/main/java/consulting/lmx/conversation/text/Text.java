package consulting.lmx.conversation.text;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/**
 * What counts as text: not blank and storable. Defined once for the HTTP routes, the record, the heal and the
 * database's validator. Blank is nothing, or only
 * characters with the Unicode property White_Space. The characters are listed, because a regular expression's own
 * {@code \s} differs between Java and the server.
 */
public final class Text {

    /** The inside of a character class that means the same in Java and in PCRE. */
    private static final String CHARACTERS =
            "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";

    /** Matches a string that is blank. */
    public static final String BLANK = "^[" + CHARACTERS + "]*$";

    /** Matches (unanchored) a string that is not blank. */
    public static final String NOT_BLANK = "[^" + CHARACTERS + "]";

    private static final Pattern NOT_BLANK_PATTERN = Pattern.compile(NOT_BLANK);

    private Text() {}

    /** Whether {@code text} is empty or nothing but white space; {@code null} is blank. */
    public static boolean isBlank(String text) {
        if (text == null || text.isEmpty()) {
            return true;
        }
        char first = text.charAt(0);
        return (first <= ' ' || first >= 0x80)
                && !NOT_BLANK_PATTERN.matcher(text).find();
    }

    /** How many characters it has, as JSON Schema counts them: code points of Unicode. */
    public static int length(String text) {
        return text.codePointCount(0, text.length());
    }

    /** Whether {@code bytes} are UTF-8 as it is meant to be: no overlong forms, no surrogates, nothing cut off. */
    public static boolean isUtf8(byte[] bytes) {
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
            return true;
        } catch (CharacterCodingException e) {
            return false;
        }
    }

    /** Whether {@code text} can be stored as UTF-8: no surrogate without its other half. */
    public static boolean isWellFormed(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                boolean paired = Character.isHighSurrogate(c)
                        && i + 1 < text.length()
                        && Character.isLowSurrogate(text.charAt(i + 1));
                if (!paired) {
                    return false;
                }
                i++;
            }
        }
        return true;
    }

    /**
     * {@code text} in quotes, for a log: on one line and readable as it is, whoever chose it. Quotes, backslashes and
     * characters that are not shown (line ends, escapes of a terminal, marks of direction) are escaped as in JSON.
     */
    public static String quoted(String text) {
        return '"' + oneLine(text.replace("\\", "\\\\").replace("\"", "\\\"")) + '"';
    }

    /** {@code text} on one line: the characters that are not shown are escaped as in JSON. */
    public static String oneLine(String text) {
        if (text.codePoints().allMatch(Text::isShown)) {
            return text;
        }
        StringBuilder line = new StringBuilder(text.length() + 6);
        text.codePoints().forEach(character -> {
            if (isShown(character)) {
                line.appendCodePoint(character);
            } else {
                for (char half : Character.toChars(character)) {
                    line.append("\\u%04x".formatted((int) half));
                }
            }
        });
        return line.toString();
    }

    private static boolean isShown(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SURROGATE -> false;
            default -> true;
        };
    }
}
