package consulting.lmx.conversation.config;

import java.util.function.Consumer;

/** Settings that can be wrong together although each of them is within its bounds. */
public interface SelfValidating {

    /**
     * Looks at them before anything is started.
     *
     * @param wrong takes each thing that is wrong: setting, consequence, remedy
     */
    default void check(Consumer<String> wrong) {}
}
