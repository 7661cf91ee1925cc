import ControlProtocol
import Foundation
import Scheduling
import Testing

@testable import Supervision

@Suite("The processes of templates, and those forked from them", .timeLimit(.minutes(5)))
struct TemplateProcessTests {
    private let processes = TestProcesses()
    private let id = ProcessID(number: 2)
    private let child = ProcessID(number: 3)

    @Test("It is forked, recorded and found idle like any other")
    func fork() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let puppet = try await Puppet(in: under.folder)
            let pid = try processes.start(puppet.command + ["--control", under.directory.controlSocket])
            try await under.fork(id, .template, zygote) { fork in
                #expect(fork.role == .template)
                #expect(fork.process == "p-2")
                #expect(fork.temporaryDirectory == under.temporaryDirectory(id))
                return .forked(Forked(re: fork.id, pid: pid))
            }
            let record = try under.record(id)
            #expect(record.role == "template")
            #expect(record.names == [under.temporaryDirectory(id)])
            try await under.greet(try await puppet.connection(), id, .template, pid: pid)
            guard case .processIdle(id) = try await under.nextEvent() else { throw TestFailure("not idle") }
            try under.folder.makeFolder("run/t/5-p-2")
            processes.signal(pid, SIGKILL)
            #expect(try await under.nextGone(id) == "its template p-2 (pid \(pid)) was ended by signal 9")
            #expect(!exists(under.temporaryDirectory(id)))
        }
    }

    @Test("Another role in its hello is refused")
    func wrongRole() async throws {
        try await SupervisorUnderTest.run { under in
            let zygote = try await under.startZygote()
            let puppet = try await Puppet(in: under.folder)
            let pid = try processes.start(puppet.command + ["--control", under.directory.controlSocket])
            try await under.fork(id, .template, zygote) { .forked(Forked(re: $0.id, pid: pid)) }
            let peer = try await puppet.connection()
            try await peer.send(under.hello(id, .core, pid: pid))
            #expect(try await peer.nextRefusal().reason == "No core 'p-2' is expected here.")
        }
    }

    @Test("Front ends and cores are forked from it, and its word says how they ended")
    func forkFrom() async throws {
        try await SupervisorUnderTest.run { under in
            let (_, _, peer) = try await under.template(id, processes)
            let (pid, input) = try processes.startGrandchild()
            defer { close(input) }
            try await under.fork(child, .core, peer, from: id) { fork in
                #expect(fork.role == .core)
                return .forked(Forked(re: fork.id, pid: pid))
            }
            try await peer.send(.exited(Exited(process: "p-3", pid: pid, status: 42)))
            try await eventually { await under.supervisor.processes[child]?.exit != nil }
            kill(pid_t(pid), SIGKILL)
            #expect(try await under.nextGone(child).hasSuffix("ended with status 42"))
        }
    }

    @Test("A fork that it refuses, being not prepared, is a process that is gone with the reason")
    func forkRefused() async throws {
        try await SupervisorUnderTest.run { under in
            let (_, _, peer) = try await under.template(id, processes)
            try await under.fork(child, .core, peer, from: id) { .failed(Failed(re: $0.id, reason: "not prepared")) }
            #expect(try await under.nextGone(child) == "not prepared")
        }
    }

    @Test("One that does not answer a fork is killed; what it forked before lives on")
    func forkHangs() async throws {
        try await SupervisorUnderTest.run(answerLimit: .seconds(2)) { under in
            let (_, pid, peer) = try await under.template(id, processes)
            let (childPid, _, _) = try await under.idle(child, .core, peer, from: id, processes)
            let late = ProcessID(number: 4)
            await under.supervisor.fork(
                late, .frontEnd, from: id, SupervisorUnderTest.runtime, SupervisorUnderTest.device)
            var gone: [ProcessID: String] = [:]
            for _ in 0..<2 {
                guard case .processGone(let process, let reason) = try await under.nextEvent() else {
                    throw TestFailure("something else")
                }
                gone[process] = reason
            }
            #expect(
                gone == [
                    late: "A process did not answer within 2000.0 ms.",
                    id: "its template p-2 (pid \(pid)) was ended by signal 9",
                ])
            #expect(await under.pid(child) == childPid)
            #expect(ProcFS.startTime(pid: childPid) != nil)
        }
    }

    @Test("A fork from one that is gone")
    func forkFromNone() async throws {
        try await SupervisorUnderTest.run { under in
            _ = try await under.startZygote()
            await under.supervisor.fork(
                child, .core, from: id, SupervisorUnderTest.runtime, SupervisorUnderTest.device)
            #expect(try await under.nextGone(child) == "The process p-2 of runtime 'test' is not connected.")
        }
    }

    @Test("It is ended without being asked: it has nothing to lose")
    func end() async throws {
        try await SupervisorUnderTest.run { under in
            _ = try await under.template(id, processes)
            await under.supervisor.end(id)
            #expect(try await under.nextGone(id).hasSuffix("was ended by signal 9"))
        }
    }
}
