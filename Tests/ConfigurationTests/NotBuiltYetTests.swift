import ControllerConfiguration
import Testing

/// What is understood must be honoured or refused, never ignored.
@Suite("Not built yet")
struct NotBuiltYetTests {
    @Test(arguments: [
        Mistake(
            "\napi_keys: [{name: ci, hash: x, role: admin}]",
            "2: API keys are not built yet, and a list of them would protect nothing; leave api_keys empty"),
        Mistake(
            "tls:\n  certificate: c.pem\n  key: k.pem",
            "2: TLS is not built yet; leave tls.certificate and tls.key null",
            "3: TLS is not built yet; leave tls.certificate and tls.key null"),
        Mistake("cors:\n  origins: [http://a]", "2: CORS is not built yet; leave cors.origins empty"),
        Mistake("api_keys: secret", "1: api_keys is 'secret'; write a list of keys in square brackets"),
        Mistake("tls: {certfile: a}", "1: unknown key 'certfile'; the keys here are certificate, key"),
    ])
    func sections(mistake: Mistake) {
        #expect(mistakes(mistake.text) == mistake.expected)
    }

    @Test(arguments: [
        Mistake("preload: true", "4: preloading models is not built yet; use false or leave it out"),
        Mistake("priority: -1", "4: a priority other than 0 is not built yet; use 0 or leave it out"),
    ])
    func settingsOfModels(mistake: Mistake) {
        #expect(mistakes("models:\n  a:\n    path: ./a\n    \(mistake.text)") == mistake.expected)
    }

    @Test func theirEmptyFormsAreTaken() throws {
        let configuration = try parse(
            """
            api_keys: []
            tls: {certificate: null, key: null}
            cors: {origins: []}
            models:
              a: {path: ./a, preload: false, priority: 0}
            """)
        #expect(configuration == (try parse("models: {a: {path: ./a}}")))
    }
}
