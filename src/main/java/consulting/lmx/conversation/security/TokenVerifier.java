package consulting.lmx.conversation.security;

import consulting.lmx.conversation.text.Text;
import io.smallrye.jwt.algorithm.SignatureAlgorithm;
import io.smallrye.jwt.auth.principal.JWTAuthContextInfo;
import io.smallrye.jwt.auth.principal.JWTCallerPrincipal;
import io.smallrye.jwt.auth.principal.JWTCallerPrincipalFactory;
import io.smallrye.jwt.auth.principal.ParseException;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Alternative;
import java.nio.charset.StandardCharsets;
import java.security.Key;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import javax.crypto.spec.SecretKeySpec;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jwa.AlgorithmConstraints.ConstraintType;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.MalformedClaimException;
import org.jose4j.jwt.consumer.InvalidJwtException;
import org.jose4j.jwt.consumer.InvalidJwtSignatureException;
import org.jose4j.jwt.consumer.JwtConsumer;
import org.jose4j.jwt.consumer.JwtConsumerBuilder;

/**
 * Verifies tokens by jose4j with a key that the deployer gave: {@code AUTH_SECRET} or {@code AUTH_SECRET_PREVIOUS} as plain
 * text, or the one of {@link JwksCache} that the token names. Each key is used with its own algorithm alone, whatever the
 * token says. Only a token that has a subject and an expiry passes, and the issuer and audience that are set. {@link
 * VerifiedTokens} remembers those that passed.
 */
@ApplicationScoped
@Alternative
@Priority(1)
public class TokenVerifier extends JWTCallerPrincipalFactory {

    /** How far the clock of the program that signs may differ from this one, in seconds. */
    private static final int CLOCK_SKEW = 60;

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
                .map(secret -> consumer(secret, SignatureAlgorithm.HS256))
                .toList();
        this.keys = keys;
        this.verified = verified;
    }

    private JwtConsumer consumer(Key key, SignatureAlgorithm algorithm) {
        JwtConsumerBuilder consumer = new JwtConsumerBuilder()
                .setVerificationKey(key)
                .setJwsAlgorithmConstraints(new AlgorithmConstraints(ConstraintType.PERMIT, algorithm.getAlgorithm()))
                .setRequireSubject()
                .setRequireExpirationTime()
                .setAllowedClockSkewInSeconds(CLOCK_SKEW);
        config.issuer().ifPresent(consumer::setExpectedIssuer);
        config.audience().ifPresentOrElse(consumer::setExpectedAudience, consumer::setSkipDefaultAudienceValidation);
        return consumer.build();
    }

    /** @param settings those of SmallRye JWT, which are not used: {@link AuthConfig} has all that a token must be */
    @Override
    public JWTCallerPrincipal parse(String token, JWTAuthContextInfo settings) throws ParseException {
        Optional<VerifiedToken> known = verified.find(token);
        if (known.isPresent()) {
            return known.get();
        }
        VerifiedToken now = verify(token);
        verified.keep(now);
        return now;
    }

    private VerifiedToken verify(String token) throws ParseException {
        TokenHeader header = TokenHeader.of(token).orElseThrow(() -> new ParseException("It is no signed token"));
        Optional<TrustedKey> key = keys.find(header);
        try {
            JwtClaims claims = keys.areInUse() ? verifyByKey(token, key) : verifyBySecret(token);
            if (Text.isBlank(claims.getSubject()) || !Text.isWellFormed(claims.getSubject())) {
                throw new ParseException("The token's subject is no text");
            }
            return new VerifiedToken(token, header, key, claims, roles.grants(claims.getClaimsMap(), Roles.ADMIN));
        } catch (InvalidJwtException | MalformedClaimException e) {
            throw new ParseException("The token is not valid", e);
        } catch (ClassCastException | StackOverflowError e) { // the library casts and descends without a look
            throw new ParseException("The token's claims are of other types than belong there, or too deep", e);
        }
    }

    private JwtClaims verifyByKey(String token, Optional<TrustedKey> key) throws ParseException, InvalidJwtException {
        TrustedKey trusted =
                key.orElseThrow(() -> new ParseException("The token is signed by none of the keys of AUTH_JWKS_URL"));
        return consumer(trusted.key(), trusted.algorithm()).processToClaims(token);
    }

    private JwtClaims verifyBySecret(String token) throws ParseException, InvalidJwtException {
        for (JwtConsumer consumer : bySecret) {
            try {
                return consumer.processToClaims(token);
            } catch (InvalidJwtSignatureException e) {
                continue; // the other secret may have signed it
            }
        }
        throw new ParseException("The token is not signed with AUTH_SECRET");
    }
}
