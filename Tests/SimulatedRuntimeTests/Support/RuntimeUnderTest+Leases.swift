import CPlatform
import ControlProtocol
import Foundation

extension RuntimeUnderTest {
    static let executor = TestController.executor(of: "p-3")

    /// Forks a worker and waits for its hello.
    func worker(_ process: String) throws -> (leased: LeasedWorker, pidfd: Int32) {
        let socket = folder.appendingPathComponent("\(process).sock").path
        let made = try fork(process, .worker, socket: socket)
        return (LeasedWorker(process: process, pid: made.pid, socket: socket, device: "cpu:0", cores: []), made.pidfd)
    }

    /// Zygote and workers.
    func workers(_ processes: String...) throws -> [(leased: LeasedWorker, pidfd: Int32)] {
        _ = try hello(from: "p-1")
        return try processes.map { try worker($0) }
    }

    func requestLease(
        of process: String, to pid: Int = Int(getpid()), _ generation: WireGeneration = RuntimeUnderTest.generation
    ) throws -> ControlMessage {
        try controller.ask(process) {
            .lease(
                Lease(
                    id: $0, deadlineMilliseconds: 5000, engine: Self.engine, generation: generation,
                    executorPid: pid, cores: [0]))
        }
    }

    /// Wants the lease to be accepted.
    func lease(
        _ process: String, to pid: Int = Int(getpid()), _ generation: WireGeneration = RuntimeUnderTest.generation
    ) throws {
        let answer = try requestLease(of: process, to: pid, generation)
        guard case .accepted = answer else { throw TestFailure("\(process) was not leased: \(answer)") }
    }

    func requestReset(
        of process: String, _ generation: WireGeneration = RuntimeUnderTest.generation
    ) throws -> ControlMessage {
        try controller.ask(process) { .reset(Reset(id: $0, deadlineMilliseconds: 5000, generation: generation)) }
    }

    /// Wants the reset to be done.
    func reset(_ process: String, _ generation: WireGeneration = RuntimeUnderTest.generation) throws {
        let answer = try requestReset(of: process, generation)
        guard case .done = answer else { throw TestFailure("\(process) was not reset: \(answer)") }
    }

    func leaseRequest(from executor: String = RuntimeUnderTest.executor) throws -> LeaseRequest {
        try controller.next(from: executor) { if case .leaseRequest(let request) = $0 { request } else { nil } }
    }

    /// - Parameter meanwhile: what happens before it is answered.
    func leaseRelease(
        from executor: String = RuntimeUnderTest.executor, meanwhile: () throws -> Void = {}
    ) throws -> LeaseRelease {
        let release = try controller.next(from: executor) { message -> LeaseRelease? in
            if case .leaseRelease(let release) = message { release } else { nil }
        }
        try meanwhile()
        try controller.send(.done(Done(re: release.id)), to: executor)
        return release
    }

    /// Leases the workers to the process and grants them to its executor, which has asked for them.
    func grant(
        _ workers: [LeasedWorker], to pid: Int, of executor: String = RuntimeUnderTest.executor,
        _ generation: WireGeneration = RuntimeUnderTest.generation
    ) throws {
        let request = try leaseRequest(from: executor)
        for worker in workers { try lease(worker.process, to: pid, generation) }
        let grant = LeaseGrant(re: request.id, engine: Self.engine, generation: generation, workers: workers)
        try controller.send(.leaseGrant(grant), to: executor)
    }

    /// Has an engine assigned to p-2 and p-3 that leases workers; does not answer its request for them.
    @discardableResult
    func startRemoteEngine(
        _ arguments: [String: JSONValue] = [:], worldSize: Int = 1, from source: String = "p-1"
    ) throws -> (frontEnd: Int32, core: Int32) {
        try startEngine(arguments, from: source, executor: .remote, worldSize: worldSize)
    }

    /// Sends it; the answer has the number that is returned.
    func sendPark() throws -> Int {
        let id = controller.nextID()
        let park = Park(id: id, deadlineMilliseconds: 5000, engine: Self.engine, generation: Self.generation)
        try controller.send(.park(park), to: "p-2")
        return id
    }

    func sendUnpark() throws -> Int {
        let id = controller.nextID()
        let unpark = Unpark(id: id, deadlineMilliseconds: 5000, engine: Self.engine, generation: Self.generation)
        try controller.send(.unpark(unpark), to: "p-2")
        return id
    }

    func answer(to id: Int, from process: String) throws -> ControlMessage {
        try controller.next(from: process) { $0.answeredID == id ? $0 : nil }
    }

    func revoke(
        _ generation: WireGeneration = RuntimeUnderTest.generation, from executor: String = RuntimeUnderTest.executor
    ) throws -> ControlMessage {
        try controller.ask(executor) {
            .leaseRevoke(
                LeaseRevoke(id: $0, deadlineMilliseconds: 5000, engine: Self.engine, generation: generation))
        }
    }

    /// The status of a request for one token.
    func ask() throws -> Int {
        try HTTPConnection(socket).request("POST", "/v1/completions", #"{"prompt":"x","max_tokens":1}"#).status
    }
}
