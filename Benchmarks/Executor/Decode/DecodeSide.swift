/// Those whose decoding is compared. A dictionary with such keys is an object in JSON.
protocol DecodeSide: RawRepresentable, Hashable, Codable, CodingKeyRepresentable, CaseIterable
where RawValue == String {}

/// Who runs the small model. The raw values are those of `--sides`.
enum ExecutorSide: String, DecodeSide {
    /// vLLM's server with the model in its engine core.
    case stockInProcess = "stock-in-process"
    /// vLLM's server with the model in a worker process of its own, which is its default on a CPU.
    case stockMultiprocess = "stock-multiprocess"
    /// Ours with the model in the engine core.
    case inProcess = "in-process"
    /// Ours with the model in a leased worker.
    case remote
}

/// How many leased workers run the large model.
enum GroupSide: String, DecodeSide {
    case oneThread = "one worker, one thread"
    case twoThreads = "one worker, two threads"
    case twoWorkers = "two workers, one thread each"

    var workers: Int { self == .twoWorkers ? 2 : 1 }
    var threads: Int { self == .twoThreads ? 2 : 1 }
    /// Its name in the config.
    var model: String { "workers-\(workers)-threads-\(threads)" }
}
