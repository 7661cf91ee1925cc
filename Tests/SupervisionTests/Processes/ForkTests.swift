import ControlProtocol
import Foundation
import Scheduling
import Testing

@testable import Supervision

@Suite("Processes that a zygote forks", .timeLimit(.minutes(5)))
struct ForkTests {
    private let processes = TestProcesses()
    private let id = ProcessID(number: 2)

    @Test("The request says what the process is to be, and its name is on disk before it can exist")
    func request() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let pid = try processes.start()
            try await under.fork(id, .frontEnd, zygote) { fork in
                #expect(
                    fork
                        == Fork(
                            id: fork.id, deadlineMilliseconds: 60_000, process: "p-2", role: .frontEnd,
                            device: "cpu:0", cores: [0, 1], log: under.directory.log(of: id),
                            temporaryDirectory: under.temporaryDirectory(id)))
                let record = try under.record(id)
                #expect(
                    record
                        == ProcessRecordFile(process: "p-2", role: "front_end", names: [under.temporaryDirectory(id)]))
                return .forked(Forked(re: fork.id, pid: pid))
            }
            let record = try under.record(id)
            #expect(record.pid == pid)
            #expect(record.startTime == ProcFS.startTime(pid: pid))
            #expect(await under.pid(id) == pid)
        }
    }

    @Test("When it has ended, how is told and what it left behind is gone")
    func gone() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let pid = try processes.start()
            try under.folder.makeFolder("run/t/5-p-2/cache")
            try await under.fork(id, .core, zygote) { .forked(Forked(re: $0.id, pid: pid)) }
            processes.signal(pid, SIGTERM)
            #expect(try await under.nextGone(id) == "its core p-2 (pid \(pid)) was ended by signal 15")
            #expect(!exists(under.temporaryDirectory(id)))
        }
    }

    @Test("Of a zygote's child, the zygote says how it ended")
    func exited() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let (pid, input) = try processes.startGrandchild()
            defer { close(input) }
            try await under.fork(id, .core, zygote) { .forked(Forked(re: $0.id, pid: pid)) }
            // As it may be: the zygote is quicker than the kernel's event.
            try await zygote.send(.exited(Exited(process: "p-2", pid: pid, status: 42)))
            try await eventually { await under.supervisor.processes[id]?.exit != nil }
            kill(pid_t(pid), SIGKILL)
            #expect(try await under.nextGone(id).hasSuffix("ended with status 42"))
        }
    }

    @Test("A child that dials in before the zygote has answered is known by its hello")
    func dialsFirst() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let puppet = try await Puppet(in: under.folder)
            let pid = try processes.start(puppet.command + ["--control", under.directory.controlSocket])
            async let forked: Void = under.supervisor.fork(
                id, .core, from: SupervisorUnderTest.zygoteID, SupervisorUnderTest.runtime, SupervisorUnderTest.device)
            let message = try await zygote.next()
            guard case .fork(let fork) = message else { throw TestFailure("\(message) instead of a fork") }
            try await under.greet(try await puppet.connection(), id, .core, pid: pid)
            guard case .processIdle(id) = try await under.nextEvent() else { throw TestFailure("not idle") }
            #expect(try under.record(id).pid == pid)
            try await zygote.send(.forked(Forked(re: fork.id, pid: pid)))
            await forked
            await under.supervisor.end(id)
            #expect(try await under.nextGone(id).hasSuffix("was ended by signal 9"))
        }
    }

    @Test("A fork that failed is a process that is gone, with the zygote's reason")
    func failed() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            try await under.fork(id, .core, zygote) { .failed(Failed(re: $0.id, reason: "fork: out of memory")) }
            #expect(try await under.nextGone(id) == "fork: out of memory")
        }
    }

    @Test("A child that is dead, or cannot be, when the zygote answers", arguments: [0, -1, Int.max, nil])
    func deadOnArrival(pid: Int?) async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let pid = try pid ?? processes.deadPid()
            try await under.fork(id, .core, zygote) { .forked(Forked(re: $0.id, pid: pid)) }
            #expect(try await under.nextGone(id) == "The process was gone as soon as it was forked; see its log.")
        }
    }

    @Test("An answer that is none for a fork")
    func wrongAnswer() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            try await under.fork(id, .core, zygote) { .done(Done(re: $0.id)) }
            #expect(try await under.nextGone(id) == "The zygote p-1 answered a fork with something else.")
        }
    }

    @Test("A zygote that ends instead of answering")
    func zygoteEnds() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            async let forked: Void = under.supervisor.fork(
                id, .core, from: SupervisorUnderTest.zygoteID, SupervisorUnderTest.runtime, SupervisorUnderTest.device)
            _ = try await zygote.next()
            kill(pid_t(try #require(await under.pid(SupervisorUnderTest.zygoteID))), SIGKILL)
            await forked
            var gone: Set<ProcessID> = []
            for _ in 0..<2 {
                guard case .processGone(let process, _) = try await under.nextEvent() else {
                    throw TestFailure("something else")
                }
                gone.insert(process)
            }
            #expect(gone == [id, SupervisorUnderTest.zygoteID])
        }
    }

    @Test("A fork that nobody waits for any more: the process that comes of it is ended, with its folder")
    func lateFork() async throws {
        try await SupervisorUnderTest.run(answerLimit: .seconds(2)) { under in
            _ = try await under.startZygote()
            await under.supervisor.fork(
                id, .core, from: SupervisorUnderTest.zygoteID, SupervisorUnderTest.runtime, SupervisorUnderTest.device)
            #expect(try await under.nextGone(id) == "A process did not answer within 2000.0 ms.")

            let puppet = try await Puppet(in: under.folder)
            let pid = try processes.start(puppet.command + ["--control", under.directory.controlSocket])
            try under.folder.makeFolder("run/t/5-p-2")
            let watch = try #require(ProcessWatch.open(pid: pid))
            let peer = try await puppet.connection()
            try await peer.send(under.hello(id, .core, pid: pid))
            await watch.waitForEnd()
            try await eventually { !exists(under.temporaryDirectory(id)) }
        }
    }

    @Test("A process that is to end before its pid is known is ended as soon as it is")
    func endedEarly() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let pid = try processes.start()
            async let forked: Void = under.supervisor.fork(
                id, .core, from: SupervisorUnderTest.zygoteID, SupervisorUnderTest.runtime, SupervisorUnderTest.device)
            let message = try await zygote.next()
            guard case .fork(let fork) = message else { throw TestFailure("\(message) instead of a fork") }
            await under.supervisor.end(id)
            try await zygote.send(.forked(Forked(re: fork.id, pid: pid)))
            await forked
            #expect(try await under.nextGone(id).hasSuffix("was ended by signal 9"))
        }
    }

    @Test("Records that cannot be written, as on a full disk, stop nothing")
    func noRecords() async throws {
        try await SupervisorUnderTest.run { under in
            try FileManager.default.removeItem(atPath: under.directory.records)
            let zygote = try await under.startZygote()
            let (pid, _, _) = try await under.idle(id, .core, zygote, processes)
            processes.signal(pid, SIGKILL)
            _ = try await under.nextGone(id)
        }
    }

    @Test("Everything is killed at once")
    func killAll() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            _ = try await under.idle(id, .core, zygote, processes)
            let snapshots = await under.supervisor.snapshots()
            #expect(Set(snapshots.keys) == [id, SupervisorUnderTest.zygoteID])
            await under.supervisor.killAll()
            for _ in 0..<2 {
                guard case .processGone(_, let reason) = try await under.nextEvent() else {
                    throw TestFailure("something else")
                }
                #expect(reason.hasSuffix("was ended by signal 9"))
            }
            #expect(await under.supervisor.snapshots().isEmpty)
        }
    }
}
