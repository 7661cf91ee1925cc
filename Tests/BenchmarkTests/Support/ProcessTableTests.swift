import Foundation
import Glibc
import Testing

@testable import BenchmarkSupport

@Suite struct ProcessTableTests {
    @Test func statWithParenthesesInTheName() throws {
        let text = "42 (a (b) c) S 7 42 42 0 -1 4194560 100 0 0 0 30 12 0 0 20 0 3 0 1000 1 1"
        let entry = try #require(ProcessTable.Entry(stat: text))
        #expect(entry.pid == 42)
        #expect(entry.parent == 7)
        #expect(!entry.isZombie)
        #expect(entry.ticks == 42)
        #expect(ProcessTable.Entry(stat: "42 (a) Z 7 42 42 0 -1 4194560 100 0 0 0 30 12 0 0")?.isZombie == true)
        #expect(ProcessTable.Entry(stat: "42 (a) S 7") == nil)
    }

    @Test func rollup() {
        let text = """
            55d0-7ffe ---p 00000000 00:00 0   [rollup]
            Rss:              900 kB
            Pss:              250 kB
            Pss_Dirty:        100 kB
            Shared_Clean:     300 kB
            Private_Clean:     12 kB
            Private_Dirty:    100 kB
            """
        #expect(ProcessTable.bytes(["Private_Clean", "Private_Dirty"], inRollup: text) == 112 * 1024)
        #expect(ProcessTable.bytes(["Pss"], inRollup: text) == 250 * 1024)
        #expect(ProcessTable.bytes(["Pss"], inRollup: "Rss: 900 kB") == nil)
    }

    @Test func processesThatAreGoneHaveNothing() throws {
        // Above the largest process id that there can be.
        #expect(try ProcessTable.proportionalBytes(of: [1 << 23]) == 0)
        #expect(try ProcessTable.proportionalBytes(of: [Int(getpid()), 1 << 23]) > 0)
    }

    /// Most of what a small program has are pages of its file and of the C library.
    @Test func pagesOfFilesAreNotWritten() throws {
        let program = Process()
        let (input, output) = (Pipe(), Pipe())
        program.executableURL = URL(filePath: "/bin/cat")
        program.standardInput = input
        program.standardOutput = output
        try program.run()
        defer { try? input.fileHandleForWriting.close() }  // Its end.
        // Once it has answered, it is all there.
        try input.fileHandleForWriting.write(contentsOf: Data("x".utf8))
        #expect(try output.fileHandleForReading.read(upToCount: 1) == Data("x".utf8))
        let pids = [Int(program.processIdentifier)]
        let written = try ProcessTable.writtenBytes(of: pids)
        #expect(written > 0)
        #expect(try written < ProcessTable.proportionalBytes(of: pids))
    }

    @Test func whatLiesInARunDirectoryBetweenTwoLivesIsNotLeftOver() {
        let paths = [
            "controller.lock", "epoch", "f", "f/e-3.sock", "logs", "logs/p-1.log", "processes", "processes/p-7.json",
            "t", "t/1-p-7", "control.sock", "w", "w/p-7.sock",
        ]
        #expect(
            Leftovers.left(of: paths) == ["control.sock", "f/e-3.sock", "processes/p-7.json", "t/1-p-7", "w/p-7.sock"])
        #expect(Leftovers.left(of: []) == [])
    }

    @Test func thisProcess() throws {
        #expect(try ProcessTable.privateBytes(of: Int(getpid())) > 0)
        #expect(ProcessTable.threadTicks(of: Int(getpid()))[Int(getpid())] != nil)
        #expect(ProcessTable.descendants(of: Int(getppid())).contains(Int(getpid())))
    }

    @Test func computingThreadsAreThoseOfTheBusiestProcess() {
        // An API server with one busy thread; a core with two that compute and two that hardly do.
        #expect(ComputeThreads.count(ticks: [[60, 1], [100, 95, 3, 24], []]) == 2)
        #expect(ComputeThreads.count(ticks: [[100, 25]]) == 2)
        #expect(ComputeThreads.count(ticks: [[0, 0], []]) == 0)
        #expect(ComputeThreads.count(ticks: []) == 0)
    }
    @Test func aCacheIsWhatHasNoHugePages() {
        let mappings = """
            7f0000000000-7f0010000000 rw-p 00000000 00:00 0
            Rss:                2160 kB
            Private_Dirty:      2160 kB
            VmFlags: rd wr mr mw me ac nh sd
            7f1000000000-7f1000200000 rw-p 00000000 00:00 0
            Rss:                1000 kB
            VmFlags: rd wr mr mw me ac hg sd
            7f2000000000-7f2000200000 rw-p 00000000 00:00 0
            Rss:                  40 kB
            VmFlags: rd wr mr mw me ac nh sd
            """
        #expect(ProcessTable.cacheBytes(inMappings: mappings) == 2200 * 1024)
        #expect(ProcessTable.cacheBytes(inMappings: "") == 0)
    }
}
