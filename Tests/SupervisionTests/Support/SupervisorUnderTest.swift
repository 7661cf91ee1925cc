import ControlProtocol
import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOPosix
import Scheduling
import Testing

@testable import Supervision

/// A supervisor on a run directory of its own, whose zygote is a puppet.
struct SupervisorUnderTest {
    static let epoch = 5
    static let runtime = RuntimeName("test")
    static let device = DeviceSpecification(id: DeviceID("cpu:0"), memoryBytes: 1 << 30, cores: [0, 1])
    static let zygoteID = ProcessID(number: 1)

    let supervisor: ProcessSupervisor
    let directory: RunDirectory
    let folder: TemporaryFolder
    let zygote: Puppet
    private let jobs: JobRunner
    private let events: AsyncStream<SupervisionEvent>
    private let report: AsyncStream<SupervisionEvent>.Continuation
    private let lock: RunDirectoryLock
    /// Processes whose end was told at once, before the reason for it was known.
    private let early = NIOLockedValueBox<Set<ProcessID>>([])

    /// Stages are taken in only when this has happened, if it is given.
    private let gate: OneShot?
    /// Those that are asked for signs of life.
    let atWork = NIOLockedValueBox<[ProcessID]>([])

    /// - Parameter command: the zygote's program, if it is to be something else than a puppet.
    init(
        in folder: TemporaryFolder, command: [String]? = nil, answerLimit: Duration = .seconds(60),
        pulse: Pulse = Pulse(), gate: OneShot? = nil
    ) async throws {
        self.gate = gate
        self.folder = folder
        directory = RunDirectory(path: folder.file("run"))
        lock = try directory.open()
        zygote = try await Puppet(in: folder)
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        jobs = JobRunner(logger: logger)
        supervisor = ProcessSupervisor(
            directory: directory, epoch: Self.epoch, orphanTimeout: .seconds(300), logBytes: 1 << 20,
            runtimes: [
                Self.runtime: RuntimeProgram(command: command ?? zygote.command, environment: ["PUPPET": "yes"])
            ], answerLimit: answerLimit, pulse: pulse, group: MultiThreadedEventLoopGroup.singleton, jobs: jobs,
            logger: logger)
        (events, report) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(4096))
    }

    /// Runs the test beside the supervisor.
    static func run(
        command: [String]? = nil, answerLimit: Duration = .seconds(60), pulse: Pulse = Pulse(),
        _ test: (SupervisorUnderTest) async throws -> Void
    ) async throws {
        let under = try await SupervisorUnderTest(
            in: TemporaryFolder(), command: command, answerLimit: answerLimit, pulse: pulse)
        defer { withExtendedLifetime(under) {} }
        try await under.whileRunning { try await test(under) }
    }

    /// Runs the supervisor as long as the test runs.
    func whileRunning(_ test: () async throws -> Void) async throws {
        let (started, continuation) = AsyncStream<Void>.makeStream()
        let result: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { await jobs.run() }
                // The supervisor keeps the closure, so it may not hold the supervisor.
                group.addTask { [supervisor, report, gate, early, atWork] in
                    try await supervisor.run(
                        report: { event in
                            if case .stage = event { await gate?.wait(atMost: .seconds(60)) }
                            if case .processEnded(let id) = event {
                                early.withLockedValue { _ = $0.insert(id) }
                            } else {
                                report.yield(event)
                            }
                        }, workersAtWork: { atWork.withLockedValue(\.self) }, started: { continuation.finish() })
                }
                for await _ in started {}
                try await test()
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await supervisor.killAll()
        try result.get()
    }

    func nextEvent() async throws -> SupervisionEvent {
        guard let event = await events.first(where: { _ in true }) else { throw TestFailure("cancelled") }
        return event
    }

    /// The next event has to be the end of this process; says why it was.
    func nextGone(_ id: ProcessID) async throws -> String {
        let event = try await nextEvent()
        guard case .processGone(id, let reason) = event else {
            throw TestFailure("\(event) instead of the end of \(id)")
        }
        #expect(early.withLockedValue { $0.contains(id) } == reason.contains("(pid "))
        #expect(await supervisor.snapshot(of: id) == nil)
        #expect(!exists(recordFile(id)))
        return reason
    }

    func recordFile(_ id: ProcessID) -> String { "\(directory.records)/\(id).json" }

    func record(_ id: ProcessID) throws -> ProcessRecordFile {
        try JSONDecoder().decode(ProcessRecordFile.self, from: Data(contentsOf: URL(fileURLWithPath: recordFile(id))))
    }

    func temporaryDirectory(_ id: ProcessID, epoch: Int = epoch) -> String {
        directory.temporaryDirectory(of: id, epoch: epoch)
    }

    // MARK: What processes do

    /// Starts the zygote, up to its readiness.
    func startZygote() async throws -> ControlPeer {
        await supervisor.startZygote(Self.zygoteID, Self.runtime)
        let peer = try await zygote.connection()
        try await greet(peer, Self.zygoteID, .zygote, pid: try #require(await pid(Self.zygoteID)))
        guard case .zygoteReady(Self.zygoteID) = try await nextEvent() else { throw TestFailure("not ready") }
        return peer
    }

    func pid(_ id: ProcessID) async -> Int? { await supervisor.snapshot(of: id)?.pid }

    func hello(
        _ id: ProcessID, _ role: WireRole, pid: Int, epoch: Int = epoch, runtime: String = "test"
    ) -> ControlMessage {
        .hello(
            Hello(
                id: 1, version: 1, epoch: epoch, process: id.description, role: role, pid: pid, runtime: runtime,
                state: .idle, versions: ["test": "1.0"]))
    }

    /// Says hello, is welcomed, and answers the ping.
    func greet(_ peer: ControlPeer, _ id: ProcessID, _ role: WireRole, pid: Int) async throws {
        try await peer.send(hello(id, role, pid: pid))
        #expect(
            try await peer.next()
                == .welcome(Welcome(re: 1, epoch: Self.epoch, orphanTimeoutMilliseconds: 300_000)))
        try await peer.send(.pong(Pong(re: peer.nextPing().id, progress: 0, privateBytes: 4096)))
    }

    /// Asks for a process, and gives the answer of its source to the request that reached it.
    func fork(
        _ id: ProcessID, _ role: ProcessRole, _ source: ControlPeer, from sourceID: ProcessID = zygoteID,
        _ answer: (Fork) throws -> ControlMessage
    ) async throws {
        async let done: Void = supervisor.fork(id, role, from: sourceID, Self.runtime, Self.device)
        let message = try await source.next()
        guard case .fork(let fork) = message else { throw TestFailure("\(message) instead of a fork") }
        try await source.send(answer(fork))
        await done
    }

    /// A process of the test's that was forked and is idle: a puppet and its connection.
    func idle(
        _ id: ProcessID, _ role: ProcessRole, _ source: ControlPeer, from sourceID: ProcessID = zygoteID,
        _ processes: TestProcesses
    ) async throws -> (pid: Int, puppet: Puppet, peer: ControlPeer) {
        let puppet = try await Puppet(in: folder)
        let pid = try processes.start(puppet.command + ["--control", directory.controlSocket])
        try await fork(id, role, source, from: sourceID) { .forked(Forked(re: $0.id, pid: pid)) }
        let peer = try await puppet.connection()
        try await greet(peer, id, WireRole(role), pid: pid)
        guard case .processIdle(id) = try await nextEvent() else { throw TestFailure("not idle") }
        return (pid, puppet, peer)
    }

    /// A zygote, and an idle template of it.
    func template(
        _ id: ProcessID, _ processes: TestProcesses
    ) async throws -> (zygote: ControlPeer, pid: Int, peer: ControlPeer) {
        let zygote = try await startZygote()
        let (pid, _, peer) = try await idle(id, .template, zygote, processes)
        return (zygote, pid, peer)
    }
}
