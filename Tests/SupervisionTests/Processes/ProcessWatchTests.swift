import Foundation
import Testing

@testable import Supervision

@Suite("One process, held by its pidfd", .timeLimit(.minutes(5)))
struct ProcessWatchTests {
    private let processes = TestProcesses()

    private func watch(_ pid: Int) throws -> ProcessWatch { try #require(ProcessWatch.open(pid: pid)) }

    @Test("Its start time is the kernel's, the same each time and later for a later process")
    func startTime() throws {
        let own = try #require(ProcFS.startTime(pid: Int(getpid())))
        #expect(ProcFS.startTime(pid: Int(getpid())) == own)
        let child = try processes.start()
        #expect(try #require(ProcFS.startTime(pid: child)) >= own)
        #expect(try watch(child).startTime == ProcFS.startTime(pid: child))
    }

    @Test("A name that tries to look like something else deceives nobody", arguments: [") S 1 2", #"\377"#, "a b"])
    func names(name: String) throws {
        let output = try Pipe()
        defer { close(output.reading) }
        let script = #"printf '\#(name)' > /proc/$$/comm; echo named; kill -STOP $$"#
        let pid = try processes.start(["/bin/sh", "-c", script], output: output.writing)
        close(output.writing)
        #expect(output.readLine() == "named")
        let own = try #require(ProcFS.startTime(pid: Int(getpid())))
        let found = try #require(ProcFS.startTime(pid: pid))
        #expect(found >= own)
        #expect(found < own + 100 * 3600)
    }

    @Test("Memory of a process that lives")
    func memory() throws {
        let memory = try #require(ProcFS.memory(pid: Int(getpid())))
        #expect(memory.privateBytes > 100_000)
        #expect(memory.proportionalBytes >= memory.privateBytes / 2)
    }

    @Test("Of a dead process there is nothing, nor of a pid that cannot be")
    func dead() throws {
        for pid in [try processes.deadPid(), 0, -1, Int.max, Int.min] {
            #expect(ProcFS.startTime(pid: pid) == nil)
            #expect(ProcFS.memory(pid: pid) == nil)
            #expect(ProcessWatch.open(pid: pid) == nil)
        }
    }

    @Test("Its end is an event for every watch of it, and told in words once")
    func end() async throws {
        let input = try Pipe()
        let pid = try processes.start(["/bin/sh", "-c", "read line; exit 7"], input: input.reading)
        close(input.reading)
        let watches = try (0..<3).map { _ in try watch(pid) }
        #expect(watches[0].reap() == nil)
        await withTaskGroup { group in
            for watch in watches { group.addTask { #expect(await watch.waitForEnd()) } }
            close(input.writing)
        }
        #expect(watches[0].reap() == "ended with status 7")
        #expect(watches[1].reap() == nil)
        // Who asks later is told, too.
        #expect(await watches[0].waitForEnd())
    }

    @Test("A watch that is opened after the end, and before the reaping, sees it")
    func zombie() async throws {
        let pid = try processes.start(["/bin/true"])
        #expect(await (try watch(pid)).waitForEnd())
        let late = try watch(pid)
        #expect(await late.waitForEnd())
        #expect(late.reap() == "ended with status 0")
    }

    @Test("A killed process ended by that signal; killing it again is nothing")
    func kill() async throws {
        let watch = try watch(try processes.start())
        watch.kill()
        await watch.waitForEnd()
        watch.kill()
        #expect(watch.reap() == "was ended by signal 9")
        watch.kill()
    }

    @Test("A wait that is cancelled is no end")
    func cancelled() async throws {
        let watch = try watch(try processes.start())
        let task = Task { await watch.waitForEnd() }
        task.cancel()
        #expect(await task.value == false)
    }

    @Test("Somebody else's child cannot be reaped")
    func notOurs() async throws {
        let input = try Pipe()
        let output = try Pipe()
        try processes.start(
            ["/bin/sh", "-c", "sleep 600 & echo $!; read line; wait"], input: input.reading, output: output.writing)
        close(input.reading)
        close(output.writing)
        defer {
            close(input.writing)
            close(output.reading)
        }
        let grandchild = try watch(try #require(Int(output.readLine())))
        grandchild.kill()
        await grandchild.waitForEnd()
        #expect(grandchild.reap() == nil)
    }

    @Test("No descriptor is left of 200 watches, whether the process lives or not", arguments: [false, true])
    func descriptors(hasEnded: Bool) async throws {
        let pid = try processes.start()
        // The test's own.
        try #require(pidfds(of: pid) == 1)
        for _ in 0..<4 {
            var watches = try (0..<50).map { _ in try watch(pid) }
            if hasEnded {
                watches[0].kill()
                for watch in watches { await watch.waitForEnd() }
            } else {
                #expect(pidfds(of: pid) == 101)
            }
            watches = []
            try await eventually { pidfds(of: pid) == 1 }
        }
    }

    /// Descriptors of ours that are pidfds of this process. Other tests open and close others meanwhile.
    private func pidfds(of pid: Int) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fdinfo")) ?? []
        return names.count { name in
            let data = FileManager.default.contents(atPath: "/proc/self/fdinfo/\(name)") ?? Data()
            return String(decoding: data, as: UTF8.self).contains("Pid:\t\(pid)\n")
        }
    }
}
