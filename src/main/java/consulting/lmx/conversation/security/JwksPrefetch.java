package consulting.lmx.conversation.security;

import io.quarkus.security.identity.AuthenticationRequestContext;
import io.quarkus.security.identity.IdentityProvider;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.request.TokenAuthenticationRequest;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.vertx.MutinyHelper;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Optional;

/**
 * Sees to it that the key of a token is at hand, if it can be had, before {@link TokenVerifier} asks for it, which must not
 * wait: it runs on an event loop. Who the caller is, this one never says and leaves to the next provider.
 */
@ApplicationScoped
public class JwksPrefetch implements IdentityProvider<TokenAuthenticationRequest> {

    private final JwksCache keys;
    private final VerifiedTokens verified;

    JwksPrefetch(JwksCache keys, VerifiedTokens verified) {
        this.keys = keys;
        this.verified = verified;
    }

    @Override
    public Class<TokenAuthenticationRequest> getRequestType() {
        return TokenAuthenticationRequest.class;
    }

    /** Before the one that verifies, which has the usual one. */
    @Override
    public int priority() {
        return IdentityProvider.super.priority() + 1;
    }

    @Override
    public Uni<SecurityIdentity> authenticate(
            TokenAuthenticationRequest request, AuthenticationRequestContext context) {
        String text = request.getToken().getToken();
        Optional<TokenHeader> token =
                keys.areInUse() && verified.find(text).isEmpty() ? TokenHeader.of(text) : Optional.empty();
        if (token.isEmpty()) {
            return Uni.createFrom().nullItem();
        }
        return keys.seek(token.get())
                .emitOn(MutinyHelper.executor(Vertx.currentContext()))
                .replaceWith(Uni.createFrom().nullItem());
    }
}
