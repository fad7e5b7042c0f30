package consulting.lmx.conversation.text;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Rules for text: not blank, and storable as UTF-8. HTTP routes, records, heal and the database's validator share them. Blank
 * text has only characters with the Unicode property White_Space. They are listed here, because {@code \s} in a regular
 * expression differs between Java and the server.
 */
public final class Text {

    /** The content of a character class that has the same meaning in Java and in PCRE. */
    private static final String CHARACTERS =
            "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";

    /** Matches a string that is blank. */
    public static final String BLANK = "^[" + CHARACTERS + "]*$";

    /** Matches (unanchored) a string that is not blank. */
    public static final String NOT_BLANK = "[^" + CHARACTERS + "]";

    private static final Pattern NOT_BLANK_PATTERN = Pattern.compile(NOT_BLANK);

    /** Control and format characters, line separators and unpaired surrogates. */
    private static final Pattern INVISIBLE = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}]");

    private Text() {}

    /** Whether {@code text} is null, empty or only white space. */
    public static boolean isBlank(String text) {
        if (text == null || text.isEmpty()) {
            return true;
        }
        char first = text.charAt(0);
        return (first <= ' ' || first >= 0x80)
                && !NOT_BLANK_PATTERN.matcher(text).find();
    }

    /** The number of Unicode code points, which is how JSON Schema counts characters. */
    public static int length(String text) {
        return text.codePointCount(0, text.length());
    }

    /** Whether {@code bytes} are valid UTF-8: no overlong forms, no surrogates, and no truncated character. */
    public static boolean isUtf8(byte[] bytes) {
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
            return true;
        } catch (CharacterCodingException e) {
            return false;
        }
    }

    /** Whether {@code text} can be stored as UTF-8: it has no unpaired surrogate. */
    public static boolean isWellFormed(String text) {
        return StandardCharsets.UTF_8.newEncoder().canEncode(text);
    }

    /**
     * {@code text} in quotes and on one line, for logs. Quotes, backslashes and invisible characters (line breaks, terminal
     * escapes, direction marks) are escaped as in JSON.
     */
    public static String quoted(String text) {
        return '"' + oneLine(text.replace("\\", "\\\\").replace("\"", "\\\"")) + '"';
    }

    /** {@code text} on one line, with invisible characters escaped as in JSON. */
    public static String oneLine(String text) {
        return INVISIBLE
                .matcher(text)
                .replaceAll(found ->
                        found.group().chars().mapToObj("\\\\u%04x"::formatted).collect(Collectors.joining()));
    }

    /** A new SHA-256 digest. */
    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java platform has SHA-256
        }
    }
}
