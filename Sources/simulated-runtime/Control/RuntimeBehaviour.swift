import ControlProtocol

/// What a test wants of the zygote and of idle processes, from the runtime's environment variables.
struct RuntimeBehaviour: Sendable {
    /// `SIM_ZYGOTE_START_MS`: how long it "imports" before its `hello`.
    let start: Duration
    /// `SIM_ZYGOTE_FAIL=1`: ends with status 1 before its `hello`.
    let failsToStart: Bool
    /// `SIM_FORK_MS`: how long a fork takes.
    let fork: Duration
    /// `SIM_FORK_FAIL=1`: forks fail.
    let failsToFork: Bool
    /// `SIM_IDLE_CRASH=1`: children end with status 1 before their `hello`.
    let childrenCrash: Bool
    /// `SIM_LEASE_HANG`: so many workers, the first that the zygote makes, never answer `lease`.
    let workersThatHang: Int
    /// `SIM_RESET_TOLERANCE_BYTES`: workers are reset in place, and may own so many bytes more than when they were new;
    /// where it is not set they are replaced.
    let resetTolerance: Int?
    /// `SIM_MEMORY_UNKNOWN=1`: workers cannot tell what they own.
    let memoryIsUnknown: Bool
    /// `SIM_HELLO_VERSION`: the protocol's version in every `hello`.
    let helloVersion: Int

    /// Throws a `BehaviourError` for a value that is not a whole number.
    init(environment: [String: String]) throws(BehaviourError) {
        func number(_ name: String, _ standard: Int) throws(BehaviourError) -> Int {
            guard let text = environment[name] else { return standard }
            guard let number = Int(text), number >= 0 else { throw BehaviourError(name: name, value: text) }
            return number
        }
        start = .milliseconds(try number("SIM_ZYGOTE_START_MS", 0))
        failsToStart = try number("SIM_ZYGOTE_FAIL", 0) != 0
        fork = .milliseconds(try number("SIM_FORK_MS", 0))
        failsToFork = try number("SIM_FORK_FAIL", 0) != 0
        childrenCrash = try number("SIM_IDLE_CRASH", 0) != 0
        workersThatHang = try number("SIM_LEASE_HANG", 0)
        resetTolerance =
            environment["SIM_RESET_TOLERANCE_BYTES"] == nil ? nil : try number("SIM_RESET_TOLERANCE_BYTES", 0)
        memoryIsUnknown = try number("SIM_MEMORY_UNKNOWN", 0) != 0
        helloVersion = try number("SIM_HELLO_VERSION", controlProtocolVersion)
    }
}

/// A variable that makes no sense.
struct BehaviourError: Error, CustomStringConvertible {
    let name: String
    let value: String

    var description: String { "\(name)=\(value): give a whole number that is not negative" }
}
