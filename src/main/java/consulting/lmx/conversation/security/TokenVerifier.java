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
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jwa.AlgorithmConstraints.ConstraintType;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.MalformedClaimException;
import org.jose4j.jwt.consumer.InvalidJwtException;
import org.jose4j.jwt.consumer.JwtConsumerBuilder;

/**
 * Verifies tokens by jose4j with the key that the deployer gave: {@code AUTH_SECRET} as plain text, or the one of {@link
 * TrustedKeys} that the token names. Each key is used with its own algorithm alone, whatever the token says, and only a token
 * that has a subject and an expiry passes. {@link VerifiedTokens} remembers those that passed.
 */
@ApplicationScoped
@Alternative
@Priority(1)
public class TokenVerifier extends JWTCallerPrincipalFactory {

    /** How far the clock of the program that signs may differ from this one, in seconds. */
    private static final int CLOCK_SKEW = 60;

    private final AuthConfig config;
    private final Optional<SecretKey> secret;
    private final TrustedKeys keys;
    private final VerifiedTokens verified;

    TokenVerifier(AuthConfig config, TrustedKeys keys, VerifiedTokens verified) {
        this.config = config;
        this.secret =
                config.secret().map(text -> new SecretKeySpec(text.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        this.keys = keys;
        this.verified = verified;
    }

    /** @param settings of SmallRye JWT are not used: the key and what it is for come from {@link AuthConfig} */
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
        if (keys.areInUse()) {
            TrustedKey trusted = key.orElseThrow(
                    () -> new ParseException("The token is signed by none of the keys of AUTH_JWKS_URL"));
            return verify(token, header, key, trusted.key(), trusted.algorithm());
        }
        SecretKey shared = secret.orElseThrow(
                () -> new ParseException("No key to verify tokens with: set AUTH_SECRET or AUTH_JWKS_URL"));
        return verify(token, header, key, shared, SignatureAlgorithm.HS256);
    }

    private VerifiedToken verify(
            String token, TokenHeader header, Optional<TrustedKey> trusted, Key key, SignatureAlgorithm algorithm)
            throws ParseException {
        try {
            JwtClaims claims = consumer(key, algorithm).build().processToClaims(token);
            if (Text.isBlank(claims.getSubject())) {
                throw new ParseException("The token's subject is blank");
            }
            return new VerifiedToken(token, header, trusted, claims, isAdmin(claims));
        } catch (InvalidJwtException | MalformedClaimException e) {
            throw new ParseException("The token is not valid", e);
        } catch (ClassCastException | StackOverflowError e) { // the library casts and descends without a look
            throw new ParseException("The token's claims are of other types than belong there, or too deep", e);
        }
    }

    private JwtConsumerBuilder consumer(Key key, SignatureAlgorithm algorithm) {
        JwtConsumerBuilder consumer = new JwtConsumerBuilder()
                .setVerificationKey(key)
                .setJwsAlgorithmConstraints(new AlgorithmConstraints(ConstraintType.PERMIT, algorithm.getAlgorithm()))
                .setRequireSubject()
                .setRequireExpirationTime()
                .setAllowedClockSkewInSeconds(CLOCK_SKEW)
                .setSkipDefaultAudienceValidation();
        config.issuer().ifPresent(consumer::setExpectedIssuer);
        return consumer;
    }

    private static boolean isAdmin(JwtClaims claims) {
        Object groups = claims.getClaimValue("groups");
        List<?> roles = groups instanceof String text ? List.of(text.split(" ")) : (List<?>) groups;
        return roles != null && roles.contains(Roles.ADMIN);
    }
}
