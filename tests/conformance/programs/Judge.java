import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.stream.Collectors;
import javax.net.ssl.CertPathTrustManagerParameters;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/**
 * Judges chains as Java does: by the PKIX validator with CRLs, and by the trust manager that a TLS
 * server or client of Java asks, which looks at purposes as well. The same lines as judge.go.
 */
public final class Judge {
    private static CertificateFactory factory;

    public static void main(String[] arguments) throws Exception {
        factory = CertificateFactory.getInstance("X.509");
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] asked = line.split("\t", -1);
            System.out.println(asked[0] + "\t" + complaint(asked));
        }
    }

    private static String complaint(String[] asked) {
        try {
            judge(asked);
            return "";
        } catch (Exception error) {
            Throwable cause = error;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            return cause.toString().replaceAll("\\s+", " ");
        }
    }

    private static void judge(String[] asked) throws Exception {
        var at = new Date(Long.parseLong(asked[3]) * 1000);
        var chain = certificates(asked[4] + "," + asked[5]);
        var anchors = certificates(asked[6]).stream()
            .map(root -> new TrustAnchor(root, null)).collect(Collectors.toSet());
        var lists = new ArrayList<Object>();
        for (byte[] der : ders(asked[7])) {
            lists.add(factory.generateCRL(new ByteArrayInputStream(der)));
        }
        var store = CertStore.getInstance("Collection", new CollectionCertStoreParameters(lists));

        var rules = new PKIXParameters(anchors);
        rules.setDate(at);
        rules.addCertStore(store);
        CertPath path = factory.generateCertPath(chain);
        CertPathValidator.getInstance("PKIX").validate(path, rules);

        var trust = new PKIXBuilderParameters(anchors, new X509CertSelector());
        trust.setDate(at);
        trust.addCertStore(store);
        var managers = TrustManagerFactory.getInstance("PKIX");
        managers.init(new CertPathTrustManagerParameters(trust));
        var manager = (X509TrustManager) managers.getTrustManagers()[0];
        var shown = chain.toArray(new X509Certificate[0]);
        if (asked[1].equals("server")) {
            manager.checkServerTrusted(shown, "UNKNOWN");
        } else {
            manager.checkClientTrusted(shown, "UNKNOWN");
        }
    }

    private static List<X509Certificate> certificates(String encoded) throws Exception {
        var found = new ArrayList<X509Certificate>();
        for (byte[] der : ders(encoded)) {
            found.add((X509Certificate) factory.generateCertificate(new ByteArrayInputStream(der)));
        }
        return found;
    }

    private static List<byte[]> ders(String encoded) {
        var found = new ArrayList<byte[]>();
        for (String text : encoded.split(",")) {
            if (!text.isEmpty()) {
                found.add(Base64.getDecoder().decode(text));
            }
        }
        return found;
    }
}
