import Glibc
import Testing

@testable import BenchmarkSupport

@Suite struct FreeMemoryTests {
    private func faults() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_minflt
    }

    /// With huge pages a fault brings in 2 MiB, without them less.
    @Test func allOfItIsWrittenToAndGivenBack() throws {
        let before = faults()
        let residentBefore = try ProcessTable.proportionalBytes(of: [Int(getpid())])
        try FreeMemory.touch(bytes: 256 << 20)
        #expect(faults() - before >= 127)
        #expect(try ProcessTable.proportionalBytes(of: [Int(getpid())]) - residentBefore < 128 << 20)
    }

    @Test func nothingIsNothing() throws {
        try FreeMemory.touch(bytes: 0)
    }
}
