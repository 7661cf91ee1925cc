/// What the stock server and ours are both told: the flags of a stock start that are fair to it, because they make it fast.
package enum FairSettings {
    package static let contextLength = 2048
    private static let sequences = 16
    private static let cacheBytes = 256 << 20

    /// For the command line of the stock server.
    static let flags = [
        "--enforce-eager", "--max-model-len", "\(contextLength)", "--max-num-seqs", "\(sequences)",
        "--kv-cache-memory-bytes", "\(cacheBytes)", "--disable-uvicorn-access-log",
    ]

    /// For the controller's config, which switches the access log off by itself in the same way.
    package static let arguments = arguments(contextLength: contextLength)

    package static func arguments(contextLength: Int) -> [String] {
        [
            "enforce-eager: true", "max-model-len: \(contextLength)", "max-num-seqs: \(sequences)",
            "kv-cache-memory-bytes: \(cacheBytes)",
        ]
    }

    /// For models of the simulated runtime, which takes of vLLM's arguments those that cost it nothing.
    package static func simulated(_ arguments: [String] = []) -> [String] {
        ["kv-cache-memory-bytes: \(cacheBytes)"] + arguments
    }
}
