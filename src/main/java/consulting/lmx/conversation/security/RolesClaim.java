package consulting.lmx.conversation.security;

import java.util.List;
import java.util.Map;
import org.jose4j.jwt.MalformedClaimException;

/**
 * Where a token says which roles its caller has: {@code AUTH_ROLES_CLAIM}. No other claim gives a role.
 *
 * @param path the claim's name, or the names that lead to it, with dots between them
 */
record RolesClaim(String path) {

    /**
     * Whether the claim names {@code role}, in a list or in a text with spaces between the roles. Without the claim a caller has
     * no role.
     *
     * @throws MalformedClaimException if the claim is anything else
     */
    boolean grants(Map<String, Object> claims, String role) throws MalformedClaimException {
        Object roles = claims.containsKey(path) ? claims.get(path) : atPath(claims);
        if (roles instanceof String text) {
            return List.of(text.split(" ")).contains(role);
        }
        if (roles instanceof List<?> list) {
            return list.contains(role);
        }
        if (roles == null) {
            return false;
        }
        throw new MalformedClaimException("The claim " + path + " is neither a list nor a text");
    }

    private Object atPath(Map<String, Object> claims) {
        Object found = claims;
        for (String name : path.split("\\.")) {
            found = found instanceof Map<?, ?> members ? members.get(name) : null;
        }
        return found;
    }
}
