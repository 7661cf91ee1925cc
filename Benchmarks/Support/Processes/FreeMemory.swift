import Dispatch
import Foundation
import Glibc

/// The machine's memory that nobody uses.
package enum FreeMemory {
    private static let piece = 64 << 20
    /// Linux reports free memory to its host two seconds after some became free (`PAGE_REPORTING_DELAY`). What ended just now
    /// would have it reported in the middle of what is timed.
    private static let reportingDelay = Duration.milliseconds(2200)

    /// Writes to so much of it, on all processors, holds it until what became free before is reported, and gives it back.
    ///
    /// A virtual machine may have returned free memory to its host, which then takes up to eight times as long for the first
    /// write to a page: that would be measured, and not the start. Where memory is the machine's own, nothing changes.
    ///
    /// - Parameter bytes: at most half of what is available.
    package static func touch(bytes: Int) throws {
        let most = min(bytes, try available() / 2)
        guard most > 0 else { return }
        guard let memory = mmap(nil, most, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            memory != MAP_FAILED
        else { throw BenchmarkError("No \(most) bytes of memory to write to: \(errnoText(errno))") }
        defer { munmap(memory, most) }
        // Without huge pages it takes longer, and comes to the same.
        _ = madvise(memory, most, Int32(MADV_HUGEPAGE))
        let start = UInt(bitPattern: memory)
        DispatchQueue.concurrentPerform(iterations: (most + piece - 1) / piece) { number in
            let begin = number * piece
            for offset in stride(from: begin, to: min(begin + piece, most), by: 4096) {
                UnsafeMutablePointer<UInt8>(bitPattern: start + UInt(offset))?.pointee = 1
            }
        }
        try Interruption.sleep(reportingDelay)
    }

    private static func available() throws -> Int {
        let text = try String(contentsOfFile: "/proc/meminfo", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        guard let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw BenchmarkError("/proc/meminfo does not say how much memory is available.")
        }
        return kilobytes * 1024
    }
}
