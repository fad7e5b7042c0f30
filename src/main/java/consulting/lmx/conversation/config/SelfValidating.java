package consulting.lmx.conversation.config;

import java.util.function.Consumer;

/** Settings with rules that concern several of them. */
public interface SelfValidating {

    /**
     * Checks the settings before the start.
     *
     * @param wrong receives each error: setting, consequence, remedy
     */
    default void check(Consumer<String> wrong) {}
}
