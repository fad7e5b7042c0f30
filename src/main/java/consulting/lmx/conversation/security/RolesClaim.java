package consulting.lmx.conversation.security;

import java.util.List;
import java.util.Map;
import org.jose4j.jwt.MalformedClaimException;

/**
 * The claim {@code AUTH_ROLES_CLAIM}. No other claim grants a role.
 *
 * @param path the name of the claim, or the names that lead to it, separated by dots
 */
record RolesClaim(String path) {

    /**
     * Whether the claim contains {@code role}, in a list or in a text with spaces between the roles. A token without the claim
     * has no roles.
     *
     * @throws MalformedClaimException if the claim has another type
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
        throw new MalformedClaimException("The claim " + path + " is neither a list nor a string");
    }

    private Object atPath(Map<String, Object> claims) {
        Object found = claims;
        for (String name : path.split("\\.")) {
            found = found instanceof Map<?, ?> members ? members.get(name) : null;
        }
        return found;
    }
}
