import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** POSTs a body with the JDK's client as it comes, which offers HTTP/2; prints status and reply. */
public class Hunt {
    public static void main(String[] given) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(given[0]))
            .header("X-Api-Key", given[1])
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(given[2]))
            .build();
        HttpResponse<String> reply = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(reply.statusCode() + " " + reply.body());
    }
}
