import Foundation

/// A remote executor that a test plays itself, as one in a vLLM that a user has started. It never attaches to what it leases.
public final class ExecutorDial {
    public let dial: ControlDial
    private var lastID = 0

    /// Dials, says hello and is welcome.
    public init(_ folder: ControllerFolder) throws {
        dial = try ControlDial(folder)
        let answer = try ask { Self.hello(id: $0) }
        guard answer.type == "welcome" else { throw TestFailure("not welcome: \(answer)") }
    }

    /// Of a dial that was welcomed already.
    public init(welcomed dial: ControlDial) { self.dial = dial }

    /// A hello as such an executor says it.
    public static func hello(
        id: Int = 7, version: Int = 1, process: String = "", epoch: Int = 0, engine: String? = nil,
        generation: LeaseGeneration? = nil
    ) -> String {
        let home = engine.map { #", "engine": "\#($0)", "generation": \#(generation?.json ?? "null")"# } ?? ""
        return
            #"{"type": "hello", "id": \#(id), "protocol": \#(version), "epoch": \#(epoch), "process": "\#(process)", "#
            + #""role": "executor", "pid": \#(getpid()), "runtime": "", "state": "idle"\#(home)}"#
    }

    /// Asks for workers, and waits for the answer.
    public func request(workers: Int, footprint: Int = 64 << 20, deadline: Duration = .seconds(60)) throws
        -> ControlFrame
    {
        try ask { Self.request(id: $0, workers: workers, footprint: footprint, deadline: deadline) }
    }

    /// Asks for workers, and throws if they are refused.
    public func lease(workers: Int) throws -> ControlFrame {
        let answer = try request(workers: workers)
        guard answer.type == "lease.grant" else { throw TestFailure("no grant: \(answer)") }
        return answer
    }

    /// Gives workers back, and waits for the answer.
    public func release(_ engine: String, _ generation: LeaseGeneration) throws -> ControlFrame {
        try ask {
            #"{"type": "lease.release", "id": \#($0), "engine": "\#(engine)", "generation": \#(generation.json)}"#
        }
    }

    public static func request(id: Int, workers: Int, footprint: Int, deadline: Duration) -> String {
        #"{"type": "lease.request", "id": \#(id), "deadline_ms": \#(Int(deadline.seconds * 1000)), "#
            + #""world_size": \#(workers), "model": "mine", "device_type": "cpu", "footprint_bytes": \#(footprint), "#
            + #""versions": {"simulated-runtime": "1"}}"#
    }

    /// Sends a request and waits for its answer.
    public func ask(_ make: (_ id: Int) -> String) throws -> ControlFrame {
        lastID += 1
        try dial.send(frame: make(lastID))
        let answer = try dial.next()
        guard answer.re == lastID else { throw TestFailure("no answer to \(lastID): \(answer)") }
        return answer
    }
}
