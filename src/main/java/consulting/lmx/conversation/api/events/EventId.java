package consulting.lmx.conversation.api.events;

import consulting.lmx.conversation.problem.ServiceException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The id of an event of a conversation: what its receiver has seen. The text is the index, after the truncation and a dot if there
 * was one, because messages that follow a truncation reuse indexes.
 *
 * @param truncation the last truncation that the receiver knows of; 0 if there was none; {@link #CURRENT} if they read the current
 *     state
 * @param index the index of the last message; -1 if the receiver has none
 */
record EventId(int truncation, int index) {

    static final int CURRENT = -1;

    private static final Pattern TEXT = Pattern.compile("(?:([1-9][0-9]{0,8})\\.)?(-1|[0-9]{1,10})");

    /** @throws ServiceException that names {@code field} if the text is not an id */
    static EventId parse(String text, String field) {
        Matcher id = TEXT.matcher(text);
        if (!id.matches() || id.group(1) == null && id.group(2).startsWith("-")) {
            throw unknown(field);
        }
        try {
            return new EventId(id.group(1) == null ? 0 : Integer.parseInt(id.group(1)), Integer.parseInt(id.group(2)));
        } catch (NumberFormatException e) {
            throw unknown(field);
        }
    }

    static ServiceException unknown(String field) {
        return ServiceException.invalid(field, "is not the id of an event of a conversation");
    }

    @Override
    public String toString() {
        return truncation == 0 ? String.valueOf(index) : truncation + "." + index;
    }
}
