/// The paths that engines answer. An allowlist: the servers in the engines have others, for development, remote calls
/// and loading of adapters, that no client may reach.
enum OpenAISurface {
    /// What a request may carry.
    enum Body: Equatable {
        case json
        /// JSON, or a form with a file.
        case jsonOrForm
    }

    private static let paths: Set<String> = [
        "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/messages",
        "/v1/messages/count_tokens", "/v1/rerank", "/v1/score", "/pooling", "/classify", "/tokenize", "/detokenize",
    ]
    private static let audio = "/v1/audio/"

    /// What the path takes, if it is on the surface. All its paths take `POST` alone.
    static func body(of path: Substring) -> Body? {
        if paths.contains(String(path)) { return .json }
        guard path.hasPrefix(audio) else { return nil }
        // One plain segment: nothing that could be read as another path after decoding or normalising.
        let rest = path.dropFirst(audio.count).utf8
        let isPlain = rest.allSatisfy { $0 >= 97 && $0 <= 122 || $0 == 95 }
        return !rest.isEmpty && isPlain ? .jsonOrForm : nil
    }
}
