import ControlProtocol

/// What a model's `arguments` tell this runtime to do. All are optional.
struct SimulatedArguments: Sendable {
    /// The arguments as they came, for the workers.
    let values: [String: JSONValue]
    /// How long each stage takes: `sim-config-ms`, `sim-attach-ms`, `sim-load-ms`, `sim-kv-cache-ms`, `sim-warm-up-ms`,
    /// `sim-app-ms`; 1 ms where not given. `listen` takes as long as it takes.
    private(set) var durations: [StartStage: Duration] = [:]
    /// `sim-tokens-per-second`, of one request; nil: no limit.
    private(set) var tokensPerSecond: Double?
    /// `sim-first-token-ms`.
    private(set) var firstToken = Duration.zero
    /// `sim-memory-bytes`: what the core owns from `load` on; or its template, if that loads the weights; or all its
    /// leased workers together.
    private(set) var memoryBytes = 0
    /// `sim-cache-bytes`: what the core, or its leased workers together, own from `kv_cache` on, and say that their KV
    /// cache is.
    private(set) var cacheBytes = 0
    /// `sim-log-bytes`: what the core writes to its log during `load`.
    private(set) var logBytes = 0
    /// `sim-sleep-ms`: how long the front end takes for `sleep`.
    private(set) var sleep = Duration.zero
    /// `sim-wake-ms`: how long it takes for `wake`.
    private(set) var wake = Duration.zero
    /// `sim-template-ms`: how long `app` takes in a template; nil: as long as in a front end.
    private var templateApp: Duration?
    /// `sim-template-children-crash`: what its template makes ends with status 1 before its `hello`.
    private(set) var templateChildrenCrash = false
    /// `sim-fail-at`, `sim-crash-at`, `sim-hang-at`; of templates `sim-template-fail-at`, `sim-template-crash-at`,
    /// `sim-template-hang-at`; of the leased worker of the last rank `sim-worker-fail-at`, `sim-worker-crash-at`,
    /// `sim-worker-hang-at`.
    private var misbehaviours: [Misbehaviour] = []
    /// `sim-worker-crash-after-steps`: the leased worker of the last rank dies of SIGKILL in the middle of this step.
    private(set) var workerCrashAfterSteps: Int?
    /// `sim-reset-ms`: how long a worker that had the model takes for `reset`.
    private(set) var reset = Duration.zero
    /// `sim-reset-hang`: it never answers `reset`.
    private(set) var resetHangs = false
    /// `sim-reset-fail`: it answers `reset` with `failed`.
    private(set) var resetFails = false
    /// `sim-reset-keeps-bytes`: what it owns after each `reset` beyond what it owned before.
    private(set) var resetKeepsBytes = 0
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

    /// Nothing out of the ordinary.
    static let none = SimulatedArguments()

    private init() {
        values = [:]
    }

    init(_ arguments: [String: JSONValue]) throws(ArgumentError) {
        values = arguments
        // In order, so that of several mistakes the same one is always told.
        for (name, value) in arguments.sorted(by: { $0.key < $1.key }) {
            if let stage = Self.durationNames[name] {
                durations[stage] = .milliseconds(try Self.number(name, value))
                continue
            }
            if let misbehaviour = try Misbehaviour(argument: name, value: value) {
                misbehaviours.append(misbehaviour)
                continue
            }
            switch name {
            case "sim-tokens-per-second": tokensPerSecond = try Self.positiveNumber(name, value)
            case "sim-first-token-ms": firstToken = .milliseconds(try Self.number(name, value))
            case "sim-memory-bytes": memoryBytes = try Self.count(name, value)
            case "sim-log-bytes": logBytes = try Self.count(name, value)
            case "sim-cache-bytes": cacheBytes = try Self.count(name, value)
            case "sim-sleep-ms": sleep = .milliseconds(try Self.number(name, value))
            case "sim-wake-ms": wake = .milliseconds(try Self.number(name, value))
            case "sim-template-ms": templateApp = .milliseconds(try Self.number(name, value))
            case "sim-crash-after-requests": crashAfterRequests = try Self.count(name, value)
            case "sim-worker-crash-after-steps": workerCrashAfterSteps = try Self.count(name, value)
            case "sim-reset-ms": reset = .milliseconds(try Self.number(name, value))
            case "sim-reset-hang": resetHangs = try Self.truth(name, value)
            case "sim-reset-fail": resetFails = try Self.truth(name, value)
            case "sim-reset-keeps-bytes": resetKeepsBytes = try Self.count(name, value)
            case "sim-template-children-crash": templateChildrenCrash = try Self.truth(name, value)
            case "max-model-len": contextLength = try Self.count(name, value)
            case _ where Self.ignored.contains(name): continue
            default: throw ArgumentError(message: "unknown argument '\(name)': the simulated runtime does not take it")
            }
        }
    }

    func duration(of stage: StartStage, in role: WireRole) -> Duration {
        switch (role, stage) {
        case (_, .listen): .zero
        case (.template, .app): templateApp ?? durations[.app] ?? .milliseconds(1)
        default: durations[stage] ?? .milliseconds(1)
        }
    }

    /// What is to go wrong there.
    func misbehaviour(in role: WireRole, at stage: StartStage) -> Misbehaviour? {
        misbehaviours.first { $0.concerns(role, at: stage) }
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

    private static func truth(_ name: String, _ value: JSONValue) throws(ArgumentError) -> Bool {
        guard case .bool(let truth) = value else {
            throw ArgumentError(message: "argument '\(name)': give true or false")
        }
        return truth
    }

    private static func count(_ name: String, _ value: JSONValue) throws(ArgumentError) -> Int {
        guard case .integer(let count) = value, count >= 0 else {
            throw ArgumentError(message: "argument '\(name)': give a whole number that is not negative")
        }
        return count
    }
}

/// A model's arguments make no sense, told in one line.
struct ArgumentError: Error, CustomStringConvertible {
    let message: String
    var description: String { message }
}
