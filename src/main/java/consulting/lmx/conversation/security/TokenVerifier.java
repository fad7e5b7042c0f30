package consulting.lmx.conversation.security;

import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.text.Text;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.identity.AuthenticationRequestContext;
import io.quarkus.security.identity.IdentityProvider;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.request.TokenAuthenticationRequest;
import io.quarkus.security.runtime.QuarkusSecurityIdentity;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.vertx.MutinyHelper;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.charset.StandardCharsets;
import java.security.Key;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import javax.crypto.spec.SecretKeySpec;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jwa.AlgorithmConstraints.ConstraintType;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.MalformedClaimException;
import org.jose4j.jwt.consumer.InvalidJwtException;
import org.jose4j.jwt.consumer.InvalidJwtSignatureException;
import org.jose4j.jwt.consumer.JwtConsumer;
import org.jose4j.jwt.consumer.JwtConsumerBuilder;
import org.jose4j.jwx.JsonWebStructure;
import org.jose4j.lang.JoseException;

/**
 * Authenticates callers: verifies their tokens with {@code AUTH_SECRET} and {@code AUTH_SECRET_PREVIOUS}, or with the key of
 * {@link JwksCache} that the token names. A token needs a subject and an expiry, and the issuer and the audience that are set.
 * {@link VerifiedTokens} remembers those that passed.
 */
@ApplicationScoped
public class TokenVerifier implements IdentityProvider<TokenAuthenticationRequest> {

    /** Maximum difference between the clocks of the issuer and of this process. */
    private static final int CLOCK_SKEW_SECONDS = 60;

    private static final Set<String> HMAC = Set.of(AlgorithmIdentifiers.HMAC_SHA256);

    private final AuthConfig config;
    private final RolesClaim roles;
    private final List<JwtConsumer> bySecret;
    private final JwksCache keys;
    private final VerifiedTokens verified;

    TokenVerifier(AuthConfig config, JwksCache keys, VerifiedTokens verified) {
        this.config = config;
        this.roles = new RolesClaim(config.rolesClaim());
        this.bySecret = Stream.of(config.secret(), config.secretPrevious())
                .flatMap(Optional::stream)
                .map(secret -> new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"))
                .map(secret -> consumer(secret, HMAC))
                .toList();
        this.keys = keys;
        this.verified = verified;
    }

    private JwtConsumer consumer(Key key, Set<String> algorithms) {
        JwtConsumerBuilder consumer = new JwtConsumerBuilder()
                .setVerificationKey(key)
                .setJwsAlgorithmConstraints(
                        new AlgorithmConstraints(ConstraintType.PERMIT, algorithms.toArray(String[]::new)))
                .setRequireSubject()
                .setRequireExpirationTime()
                .setAllowedClockSkewInSeconds(CLOCK_SKEW_SECONDS);
        config.issuer().ifPresent(consumer::setExpectedIssuer);
        config.audience().ifPresentOrElse(consumer::setExpectedAudience, consumer::setSkipDefaultAudienceValidation);
        return consumer.build();
    }

    @Override
    public Class<TokenAuthenticationRequest> getRequestType() {
        return TokenAuthenticationRequest.class;
    }

    /** Before the provider of SmallRye JWT, which is then not asked. */
    @Override
    public int priority() {
        return IdentityProvider.super.priority() + 1;
    }

    /**
     * Fails with {@link AuthenticationFailedException} if the token is not valid, and with {@link ErrorCode#KEYS_UNAVAILABLE} if
     * its key is unknown and the JWKS cannot be read.
     */
    @Override
    public Uni<SecurityIdentity> authenticate(
            TokenAuthenticationRequest request, AuthenticationRequestContext context) {
        String text = request.getToken().getToken();
        return verified.find(text)
                .map(token -> Uni.createFrom().item(token))
                .orElseGet(() -> verify(text).invoke(verified::keep))
                .map(TokenVerifier::identity);
    }

    private static SecurityIdentity identity(VerifiedToken token) {
        QuarkusSecurityIdentity.Builder identity =
                QuarkusSecurityIdentity.builder().setPrincipal(token);
        return (token.admin() ? identity.addRole(Roles.ADMIN) : identity).build();
    }

    /** Verifies a token in full, and reads the JWKS first if its key is unknown. Fails as {@link #authenticate} does. */
    Uni<VerifiedToken> verify(String text) {
        return Uni.createFrom().deferred(() -> {
            JsonWebSignature token = parse(text);
            return keys.areInUse()
                    ? find(token).map(key -> verify(text, Optional.of(key)))
                    : Uni.createFrom().item(verify(text, Optional.empty()));
        });
    }

    /** On the context of the caller: the JWKS is read on another thread. */
    private Uni<Key> find(JsonWebSignature token) {
        Context context = Vertx.currentContext();
        Uni<Key> key = keys.find(token)
                .map(found -> found.orElseThrow(
                        () -> new AuthenticationFailedException("No key of AUTH_JWKS_URL fits the token")));
        return context == null ? key : key.emitOn(MutinyHelper.executor(context));
    }

    /** Reads the key ID too, because jose4j casts header values without a check. */
    private static JsonWebSignature parse(String text) {
        try {
            if (JsonWebStructure.fromCompactSerialization(text) instanceof JsonWebSignature token
                    && token.getAlgorithmHeaderValue() != null
                    && !"".equals(token.getKeyIdHeaderValue())) {
                return token;
            }
            throw new AuthenticationFailedException("The token is not signed");
        } catch (JoseException | ClassCastException e) {
            throw new AuthenticationFailedException("The token's header is not valid", e);
        }
    }

    private VerifiedToken verify(String text, Optional<Key> key) {
        try {
            JwtClaims claims =
                    key.isPresent() ? consumer(key.get(), Jwks.ALGORITHMS).processToClaims(text) : verifyBySecret(text);
            if (Text.isBlank(claims.getSubject()) || !Text.isWellFormed(claims.getSubject())) {
                throw new AuthenticationFailedException("The token's subject is no text");
            }
            return new VerifiedToken(
                    text,
                    claims.getSubject(),
                    VerifiedToken.expiry(claims.getExpirationTime().getValue()),
                    roles.grants(claims.getClaimsMap(), Roles.ADMIN),
                    key);
        } catch (InvalidJwtException | MalformedClaimException e) {
            throw new AuthenticationFailedException("The token is not valid", e);
        } catch (ClassCastException | StackOverflowError e) { // jose4j casts claims without a check, and recurses
            throw new AuthenticationFailedException("The token's claims have wrong types or are nested too deeply", e);
        }
    }

    private JwtClaims verifyBySecret(String text) throws InvalidJwtException {
        for (JwtConsumer consumer : bySecret) {
            try {
                return consumer.processToClaims(text);
            } catch (InvalidJwtSignatureException e) {
                continue; // the other secret may have signed it
            }
        }
        throw new AuthenticationFailedException("The token is not signed with AUTH_SECRET");
    }
}
