import ControlProtocol
import Foundation
import Scheduling
import Testing

@testable import Supervision

@Suite("Starting and ending a zygote", .timeLimit(.minutes(5)))
struct ZygoteTests {
    private let zygoteID = SupervisorUnderTest.zygoteID

    @Test("It gets the protocol's arguments and its runtime's environment, and is ready when it has answered a ping")
    func ready() async throws {
        try await SupervisorUnderTest.run { under in
            _ = try await under.startZygote()
            let snapshot = try #require(await under.supervisor.snapshot(of: zygoteID))
            #expect(snapshot.versions == ["test": "1.0"])
            #expect(snapshot.privateBytes == 4096)
            #expect(try #require(snapshot.startMilliseconds) > 0)
            let pid = try #require(snapshot.pid)

            let record = try under.record(zygoteID)
            #expect(record.pid == pid)
            #expect(record.startTime == ProcFS.startTime(pid: pid))

            let arguments = try String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)
                .split(separator: "\0").map(String.init)
            #expect(
                Array(arguments.dropFirst(under.zygote.command.count)) == [
                    "--control", under.directory.controlSocket, "--process", "p-1", "--runtime", "test", "--epoch",
                    "5", "--orphan-timeout-ms", "300000",
                ])
            let environment = try String(contentsOfFile: "/proc/\(pid)/environ", encoding: .utf8)
            #expect(environment.split(separator: "\0").contains("PUPPET=yes"))
            #expect(environment.split(separator: "\0").contains { $0.hasPrefix("PATH=") })
        }
    }

    @Test("A program that is missing is told by its name", arguments: ["/nowhere/program", "no-such-program"])
    func missingProgram(name: String) async throws {
        try await SupervisorUnderTest.run(command: [name]) { under in
            await under.supervisor.startZygote(zygoteID, SupervisorUnderTest.runtime)
            let reason = try await under.nextGone(zygoteID)
            #expect(reason.contains(name))
        }
    }

    @Test("A runtime that is not configured is told by its name")
    func missingRuntime() async throws {
        try await SupervisorUnderTest.run { under in
            await under.supervisor.startZygote(zygoteID, RuntimeName("other"))
            let reason = try await under.nextGone(zygoteID)
            #expect(reason == "No runtime 'other'.")
        }
    }

    @Test("One that ends before it says hello: how it ended is told, and what it wrote is kept")
    func endsEarly() async throws {
        try await SupervisorUnderTest.run(command: ["/bin/sh", "-c", "echo no such module; exit 3"]) { under in
            await under.supervisor.startZygote(zygoteID, SupervisorUnderTest.runtime)
            let reason = try await under.nextGone(zygoteID)
            #expect(reason.hasPrefix("its zygote p-1 (pid "))
            #expect(reason.hasSuffix("ended with status 3"))
            #expect(LogFile.tail(of: under.directory.log(of: zygoteID), lines: 5) == ["no such module"])
        }
    }

    @Test("One that is ready and killed")
    func killed() async throws {
        try await SupervisorUnderTest.run { under in
            _ = try await under.startZygote()
            kill(pid_t(try #require(await under.pid(zygoteID))), SIGSEGV)
            let reason = try await under.nextGone(zygoteID)
            #expect(reason.hasSuffix("was ended by signal 11"))
        }
    }

    @Test("One that does not answer its ping is ended")
    func noPong() async throws {
        try await SupervisorUnderTest.run(answerLimit: .milliseconds(100)) { under in
            await under.supervisor.startZygote(zygoteID, SupervisorUnderTest.runtime)
            let peer = try await under.zygote.connection()
            try await peer.send(under.hello(zygoteID, .zygote, pid: try #require(await under.pid(zygoteID))))
            #expect(try await under.nextGone(zygoteID).hasSuffix("was ended by signal 9"))
        }
    }

    @Test("It is asked to stop, so that it can end what it forked")
    func stop() async throws {
        try await SupervisorUnderTest.run { under in
            let peer = try await under.startZygote()
            let pid = try #require(await under.pid(zygoteID))
            async let done: Void = under.supervisor.end(zygoteID)
            let message = try await peer.next()
            guard case .stop(let stop) = message else { throw TestFailure("\(message) instead of a stop") }
            #expect(stop.deadlineMilliseconds == 5000)
            try await peer.send(.done(Done(re: stop.id)))
            kill(pid_t(pid), Puppet.exit)
            #expect(try await under.nextGone(zygoteID).hasSuffix("ended with status 3"))
            await done
        }
    }

    @Test("One that has not dialled in yet is killed at once")
    func endBeforeHello() async throws {
        try await SupervisorUnderTest.run(command: ["/bin/sh", "-c", "exec sleep 600"]) { under in
            await under.supervisor.startZygote(zygoteID, SupervisorUnderTest.runtime)
            await under.supervisor.end(zygoteID)
            _ = try await under.nextGone(zygoteID)
        }
    }

    @Test("A second hello takes the connection over; the end of the first then changes nothing")
    func dialsAgain() async throws {
        try await SupervisorUnderTest.run { under in
            let first = try await under.startZygote()
            let pid = try #require(await under.pid(zygoteID))
            let old = try #require(await under.supervisor.processes[zygoteID]?.connection)
            kill(pid_t(pid), Puppet.dialAgain)
            let second = try await under.zygote.connection()
            try await second.send(under.hello(zygoteID, .zygote, pid: pid))
            guard case .welcome = try await second.next() else { throw TestFailure("not welcome") }
            try await first.close()
            await under.supervisor.connectionEnded(old, of: .process(zygoteID))
            // The fork's request comes over the second.
            try await under.fork(ProcessID(number: 2), .core, second) { .failed(Failed(re: $0.id, reason: "No.")) }
            #expect(try await under.nextGone(ProcessID(number: 2)) == "No.")
        }
    }

    @Test("Between two connections a fork fails with the reason; after the second hello it goes on")
    func betweenConnections() async throws {
        try await SupervisorUnderTest.run { under in
            let first = try await under.startZygote()
            let pid = try #require(await under.pid(zygoteID))
            let end = try #require(await under.supervisor.processes[zygoteID]?.connectionEnd)
            try await first.close()
            #expect(await end.wait(atMost: .seconds(60)))
            await under.supervisor.fork(
                ProcessID(number: 2), .core, from: zygoteID, SupervisorUnderTest.runtime, SupervisorUnderTest.device)
            #expect(
                try await under.nextGone(ProcessID(number: 2)) == "The zygote p-1 of runtime 'test' is not connected.")
            kill(pid_t(pid), Puppet.dialAgain)
            let second = try await under.zygote.connection()
            try await second.send(under.hello(zygoteID, .zygote, pid: pid))
            guard case .welcome = try await second.next() else { throw TestFailure("not welcome") }
            try await under.fork(ProcessID(number: 3), .core, second) { .failed(Failed(re: $0.id, reason: "No.")) }
            #expect(try await under.nextGone(ProcessID(number: 3)) == "No.")
        }
    }

    @Test("When the supervisor is cancelled its processes are no longer watched, but not forgotten")
    func cancelled() async throws {
        let under = try await SupervisorUnderTest(in: TemporaryFolder(), command: ["/bin/sh", "-c", "exec sleep 600"])
        try await under.whileRunning { await under.supervisor.startZygote(zygoteID, SupervisorUnderTest.runtime) }
        // `run` has killed all by now, which it could not if they were forgotten.
        let pid = try #require(try under.record(zygoteID).pid)
        let watch = try #require(ProcessWatch.open(pid: pid))
        await watch.waitForEnd()
        #expect(watch.reap() == "was ended by signal 9")
    }
}
