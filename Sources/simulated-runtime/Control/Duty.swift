import ControlProtocol

/// What a process does for its controller, beyond keeping the connection.
protocol Duty: Sendable {
    /// Where the process stands, for `hello`.
    func situation() async -> Situation

    /// The counter that `pong` reports.
    func progress() async -> Int

    /// What `pong` says of the memory that the process owns; nil: it cannot tell.
    func privateBytes() async -> Int?

    /// What `pong` says of the KV cache.
    func cacheBytes() async -> Int

    /// What it does with a request other than `ping` and `stop`.
    func answer(_ request: ControlMessage) async -> Response

    /// Called before `stop` is answered.
    func prepareToStop() async
}

extension Duty {
    func privateBytes() -> Int? { PrivateMemory.bytes() }

    func cacheBytes() -> Int { 0 }
}

/// The part of `hello` that changes in a process's life.
struct Situation: Sendable {
    var state: WireState
    var device: String?
    var engine: String?
    var generation: WireGeneration?
    var versions: [String: String]?
    var reset: WireReset?
}
