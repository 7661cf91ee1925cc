import Foundation
import Scheduling
import Testing

@testable import Supervision

@Suite("What a controller that died has left", .timeLimit(.minutes(5)))
struct SurvivorTests {
    private let processes = TestProcesses()
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func sweep(
        _ records: [ProcessRecordFile], prepare: (SupervisorUnderTest) throws -> Void = { _ in }
    ) async throws -> SupervisorUnderTest {
        let under = try await SupervisorUnderTest(in: folder)
        for record in records { try record.write(in: under.directory) }
        try prepare(under)
        try await under.supervisor.sweepSurvivors()
        return under
    }

    private func record(_ number: Int, pid: Int?, startTime: UInt64?, names: [String] = []) -> ProcessRecordFile {
        ProcessRecordFile(process: "p-\(number)", role: "core", pid: pid, startTime: startTime, names: names)
    }

    @Test("A recorded process is ended, and its names and record are removed")
    func ends() async throws {
        let pids = try (0..<3).map { _ in try processes.start() }
        try folder.makeFolder("run/t/4-p-1/cache")
        try folder.write("run/t/e-1.sock", "")
        let names = [folder.file("run/t/4-p-1"), folder.file("run/t/e-1.sock"), folder.file("never/made")]
        let records = pids.enumerated().map { number, pid in
            record(number, pid: pid, startTime: ProcFS.startTime(pid: pid), names: number == 1 ? names : [])
        }
        let under = try await sweep(records)
        // They were children of this process, so the sweep has reaped them.
        for pid in pids { #expect(ProcFS.startTime(pid: pid) == nil) }
        for name in names { #expect(!exists(name)) }
        #expect(try ProcessRecordFile.all(in: under.directory).records.isEmpty)
    }

    @Test("A template is ended too, and so is what it forked, which does not end with it")
    func template() async throws {
        let (template, child) = (try processes.start(), try processes.start())
        for name in ["4-p-2", "4-p-3"] { try folder.makeFolder("run/t/" + name) }
        let under = try await sweep([
            ProcessRecordFile(
                process: "p-2", role: "template", pid: template, startTime: ProcFS.startTime(pid: template),
                names: [folder.file("run/t/4-p-2")]),
            record(
                3, pid: child, startTime: ProcFS.startTime(pid: child), names: [folder.file("run/t/4-p-3")]),
        ])
        for pid in [template, child] { #expect(ProcFS.startTime(pid: pid) == nil) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("run/t")).isEmpty)
        #expect(try ProcessRecordFile.all(in: under.directory).records.isEmpty)
    }

    @Test("A process that only has the recorded pid is left alone; the names are removed all the same")
    func reusedPid() async throws {
        let pids = try (0..<3).map { _ in try processes.start() }
        let actual = try #require(ProcFS.startTime(pid: pids[0]))
        try folder.makeFolder("run/t/4-p-0")
        let under = try await sweep([
            record(0, pid: pids[0], startTime: actual + 1, names: [folder.file("run/t/4-p-0")]),
            record(1, pid: pids[1], startTime: actual - 1), record(2, pid: pids[2], startTime: nil),
        ])
        for pid in pids {
            let watch = try #require(ProcessWatch.open(pid: pid))
            // Ended by us now, and by nobody before.
            processes.signal(pid, SIGTERM)
            await watch.waitForEnd()
            #expect(watch.reap() == "was ended by signal 15")
        }
        #expect(!exists(folder.file("run/t/4-p-0")))
        #expect(try ProcessRecordFile.all(in: under.directory).records.isEmpty)
    }

    @Test("A process that never was, or is dead, leaves only names")
    func dead() async throws {
        for name in ["4-p-1", "4-p-2", "4-p-3"] { try folder.makeFolder("run/t/" + name) }
        let under = try await sweep([
            record(1, pid: nil, startTime: nil, names: [folder.file("run/t/4-p-1")]),
            record(2, pid: try processes.deadPid(), startTime: 1, names: [folder.file("run/t/4-p-2")]),
            record(3, pid: Int.max, startTime: 1, names: [folder.file("run/t/4-p-3")]),
        ])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("run/t")).isEmpty)
        #expect(try ProcessRecordFile.all(in: under.directory).records.isEmpty)
    }

    @Test("A damaged record, as a machine that lost power may leave, is removed and stops nothing")
    func damaged() async throws {
        let pid = try processes.start()
        let under = try await sweep([record(1, pid: pid, startTime: ProcFS.startTime(pid: pid))]) { under in
            try folder.write("run/processes/p-0.json", "")
            try folder.write("run/processes/p-2.json", "{")
            try folder.write("run/processes/.dat.nosync1", "")
        }
        #expect(ProcFS.startTime(pid: pid) == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: under.directory.records).isEmpty)
    }

    @Test("A name that cannot be removed stops nothing, and is tried again by the next controller")
    func undeletable() async throws {
        try folder.makeFolder("run/t/4-p-2")
        let stuck = record(1, pid: nil, startTime: nil, names: ["/proc/self/status"])
        let under = try await sweep([
            stuck, record(2, pid: nil, startTime: nil, names: [folder.file("run/t/4-p-2")]),
        ])
        #expect(!exists(folder.file("run/t/4-p-2")))
        #expect(try ProcessRecordFile.all(in: under.directory).records == [stuck])
    }

    @Test("Nothing left, nothing to do")
    func none() async throws {
        await #expect(throws: Never.self) { try await sweep([]) }
    }
}
