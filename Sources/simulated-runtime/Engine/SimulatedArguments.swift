import ControlProtocol

/// What a model's `arguments` tell this runtime to do. All are optional.
struct SimulatedArguments: Sendable {
    /// How long each stage takes: `sim-config-ms`, `sim-attach-ms`, `sim-load-ms`, `sim-kv-cache-ms`, `sim-warm-up-ms`,
    /// `sim-app-ms`; 1 ms where not given. `listen` takes as long as it takes.
    private(set) var durations: [StartStage: Duration] = [:]
    /// `sim-tokens-per-second`, of one request; nil: no limit.
    private(set) var tokensPerSecond: Double?
    /// `sim-first-token-ms`.
    private(set) var firstToken = Duration.zero
    /// `sim-memory-bytes`: what the core owns from `load` on.
    private(set) var memoryBytes = 0
    /// `sim-log-bytes`: what the core writes to its log during `load`.
    private(set) var logBytes = 0
    /// `sim-fail-at`: this stage ends with an error.
    private(set) var failAt: StartStage?
    /// `sim-crash-at`: the process dies of SIGKILL at this stage.
    private(set) var crashAt: StartStage?
    /// `sim-hang-at`: this stage never ends, pings are answered.
    private(set) var hangAt: StartStage?
    /// `sim-crash-after-requests`: the core dies of SIGKILL when the front end has taken so many requests.
    private(set) var crashAfterRequests: Int?
    /// `max-model-len`: the most tokens of a prompt and its answer together.
    private(set) var contextLength = 131_072

    /// What vLLM takes and this runtime need not know.
    private static let ignored: Set = [
        "kv-cache-memory-bytes", "enforce-eager", "max-num-seqs", "gpu-memory-utilization", "dtype",
    ]

    private static let durationNames: [String: StartStage] = [
        "sim-config-ms": .config, "sim-attach-ms": .attach, "sim-load-ms": .load, "sim-kv-cache-ms": .keyValueCache,
        "sim-warm-up-ms": .warmUp, "sim-app-ms": .app,
    ]

    init(_ arguments: [String: JSONValue]) throws(ArgumentError) {
        // In order, so that of several mistakes the same one is always told.
        for (name, value) in arguments.sorted(by: { $0.key < $1.key }) {
            if let stage = Self.durationNames[name] {
                durations[stage] = .milliseconds(try Self.number(name, value))
                continue
            }
            switch name {
            case "sim-tokens-per-second": tokensPerSecond = try Self.positiveNumber(name, value)
            case "sim-first-token-ms": firstToken = .milliseconds(try Self.number(name, value))
            case "sim-memory-bytes": memoryBytes = try Self.count(name, value)
            case "sim-log-bytes": logBytes = try Self.count(name, value)
            case "sim-fail-at": failAt = try Self.stage(name, value)
            case "sim-crash-at": crashAt = try Self.stage(name, value)
            case "sim-hang-at": hangAt = try Self.stage(name, value)
            case "sim-crash-after-requests": crashAfterRequests = try Self.count(name, value)
            case "max-model-len": contextLength = try Self.count(name, value)
            case _ where Self.ignored.contains(name): continue
            default: throw ArgumentError(message: "unknown argument '\(name)': the simulated runtime does not take it")
            }
        }
    }

    func duration(of stage: StartStage) -> Duration {
        durations[stage] ?? .milliseconds(1)
    }

    private static func number(_ name: String, _ value: JSONValue) throws(ArgumentError) -> Double {
        // Far below what a clock's nanoseconds can hold.
        let allowed = 0...1e9
        switch value {
        case .integer(let number) where allowed.contains(Double(number)): return Double(number)
        case .number(let number) where allowed.contains(number): return number
        default: throw ArgumentError(message: "argument '\(name)': give a number from 0 to 1,000,000,000")
        }
    }

    private static func positiveNumber(_ name: String, _ value: JSONValue) throws(ArgumentError) -> Double {
        let number = try number(name, value)
        guard number > 0 else { throw ArgumentError(message: "argument '\(name)': give a number above zero") }
        return number
    }

    private static func count(_ name: String, _ value: JSONValue) throws(ArgumentError) -> Int {
        guard case .integer(let count) = value, count >= 0 else {
            throw ArgumentError(message: "argument '\(name)': give a whole number that is not negative")
        }
        return count
    }

    private static func stage(_ name: String, _ value: JSONValue) throws(ArgumentError) -> StartStage {
        guard case .string(let text) = value, let stage = StartStage(rawValue: text) else {
            let stages = StartStage.allCases.map(\.rawValue).joined(separator: ", ")
            throw ArgumentError(message: "argument '\(name)': give one of \(stages)")
        }
        return stage
    }
}

/// A model's arguments make no sense, told in one line.
struct ArgumentError: Error, CustomStringConvertible {
    let message: String
    var description: String { message }
}
