/// Settings that are understood and refused, so that nothing that a file says is silently ignored. All of them are
/// here: whoever builds one of these things removes it.
struct NotBuiltYet {
    let problem: String
    let remedy: String

    static let apiKeys = NotBuiltYet(
        problem: "API keys are not built yet, and a list of them would protect nothing", remedy: "leave api_keys empty")
    static let openListen = NotBuiltYet(
        problem: "listening beyond this machine is refused until API keys are enforced, which is not built yet",
        remedy: "use 127.0.0.1, [::1] or localhost")
    static let tls = NotBuiltYet(problem: "TLS is not built yet", remedy: "leave tls.certificate and tls.key null")
    static let corsOrigins = NotBuiltYet(problem: "CORS is not built yet", remedy: "leave cors.origins empty")
    static let preload = NotBuiltYet(problem: "preloading models is not built yet", remedy: "use false or leave it out")
    static let priority = NotBuiltYet(
        problem: "a priority other than 0 is not built yet", remedy: "use 0 or leave it out")

    private enum TLSKey: String, CaseIterable {
        case certificate, key
    }

    private enum CORSKey: String, CaseIterable {
        case origins
    }

    /// The sections of which only the empty form is taken.
    static func refuse(apiKeys: NodeReader?, tls: NodeReader?, cors: NodeReader?) {
        if let apiKeys, apiKeys.list(of: "keys")?.isEmpty == false { apiKeys.refuse(.apiKeys) }
        if let section = tls?.section(TLSKey.self) {
            for key in TLSKey.allCases { section[key]?.refuse(.tls) }
        }
        if let origins = cors?.section(CORSKey.self)?[.origins], origins.list(of: "origins")?.isEmpty == false {
            origins.refuse(.corsOrigins)
        }
    }
}

extension NodeReader {
    func refuse(_ missing: NotBuiltYet) {
        refuse(missing.problem, missing.remedy)
    }
}
