package consulting.lmx.conversation.abuse;

import consulting.lmx.conversation.testsupport.SigningKey;
import consulting.lmx.conversation.testsupport.Tokens;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jose4j.jwk.PublicJsonWebKey;

/** Creates tokens with any header, claims and signature for the tables. */
final class Forgery {

    static final String PREVIOUS_SECRET = "the secret of 32 bytes or more until now";

    private final SigningKey published;
    private final SigningKey mallorys;

    Forgery(SigningKey published, SigningKey mallorys) {
        this.published = published;
        this.mallorys = mallorys;
    }

    /** @param signature the key and the algorithm, or a word for a missing or invalid signature */
    String token(String header, String claims, String signature) {
        String signed = base64(bytes(header)) + "." + base64(bytes(claims));
        String[] how = signature.split(" ");
        return switch (how[0]) {
            case "lacking" -> signed;
            case "empty" -> signed + ".";
            case "zeros" -> signed + "." + base64(new byte[32]);
            case "borrowed" -> signed + Tokens.of("mallory").replaceFirst(".*\\.", ".");
            default -> signed + "." + base64(sign(how[0], how[1], bytes(signed)));
        };
    }

    private byte[] sign(String key, String algorithm, byte[] signed) {
        return switch (key) {
            case "secret" -> hmac(bytes(Tokens.SECRET), algorithm, signed);
            case "previous" -> hmac(bytes(PREVIOUS_SECRET), algorithm, signed);
            case "other" -> hmac(bytes("another secret of 32 bytes or more, not ours"), algorithm, signed);
            case "nothing" -> hmac(new byte[1], algorithm, signed); // padded with zeros, it is the empty one
            case "public" -> hmac(publicKey(), algorithm, signed);
            case "pem" -> hmac(bytes(pem()), algorithm, signed);
            case "key" -> rsa(published, algorithm, signed);
            case "mallory" -> rsa(mallorys, algorithm, signed);
            default -> throw new IllegalStateException("Unknown key " + key);
        };
    }

    private byte[] publicKey() {
        return ((PublicJsonWebKey) published.jwk()).getPublicKey().getEncoded();
    }

    private String pem() {
        String lines = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(publicKey());
        return "-----BEGIN PUBLIC KEY-----\n" + lines + "\n-----END PUBLIC KEY-----\n";
    }

    private static byte[] hmac(byte[] secret, String algorithm, byte[] signed) {
        try {
            Mac mac = Mac.getInstance(algorithm.replace("HS", "HmacSHA"));
            mac.init(new SecretKeySpec(secret, mac.getAlgorithm()));
            return mac.doFinal(signed);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] rsa(SigningKey key, String algorithm, byte[] signed) {
        try {
            Signature signature = Signature.getInstance(algorithm.replace("RS", "SHA") + "withRSA");
            PrivateKey secret = ((PublicJsonWebKey) key.jwk()).getPrivateKey();
            signature.initSign(secret);
            signature.update(signed);
            return signature.sign();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static String base64(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }
}
