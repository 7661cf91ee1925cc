import Glibc
import Testing

@testable import BenchmarkSupport

@Suite struct FreeMemoryTests {
    private func usage() -> rusage {
        var usage = rusage()
        getrusage(RUSAGE_SELF, &usage)
        return usage
    }

    /// With huge pages a fault brings in 2 MiB, without them less.
    @Test func allOfItIsWrittenToAndGivenBack() throws {
        let before = usage()
        let residentBefore = try ProcessTable.proportionalBytes(of: [Int(getpid())])
        try FreeMemory.touch(bytes: 256 << 20)
        #expect(usage().ru_minflt - before.ru_minflt >= 127)
        #expect(try ProcessTable.proportionalBytes(of: [Int(getpid())]) - residentBefore < 128 << 20)
    }

    @Test func nothingIsNothing() throws {
        try FreeMemory.touch(bytes: 0)
    }
}
