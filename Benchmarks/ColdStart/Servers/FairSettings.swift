/// What the stock server and ours are both told: the flags of a stock start that are fair to it, because they make it fast.
enum FairSettings {
    static let contextLength = 2048
    static let sequences = 16
    static let cacheBytes = 256 << 20
    /// By its full name: vLLM's CPU platform replaces the short `uni` by the executor with worker processes.
    static let executor = "vllm.v1.executor.uniproc_executor.UniProcExecutor"

    /// For the command line of the stock server.
    static let flags = [
        "--enforce-eager", "--max-model-len", "\(contextLength)", "--max-num-seqs", "\(sequences)",
        "--kv-cache-memory-bytes", "\(cacheBytes)", "--distributed-executor-backend", executor,
        "--disable-uvicorn-access-log",
    ]

    /// For the controller's config, which chooses executor and access log by itself in the same way.
    static let arguments = arguments(contextLength: contextLength)

    static func arguments(contextLength: Int) -> [String] {
        [
            "enforce-eager: true", "max-model-len: \(contextLength)", "max-num-seqs: \(sequences)",
            "kv-cache-memory-bytes: \(cacheBytes)",
        ]
    }
}
