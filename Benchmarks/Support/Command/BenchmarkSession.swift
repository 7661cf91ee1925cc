import ArgumentParser
import Foundation

/// One run of a benchmark from its first process to its last.
package struct BenchmarkSession {
    private let options: CommonOptions
    private let programs: TestBed.Programs
    /// Chosen at random if nobody named one.
    package let seed: UInt64

    package init(_ options: CommonOptions) throws {
        self.options = options
        programs = try options.programs
        seed = options.seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
    }

    /// Measures, ends everything that was started, writes and prints what was found.
    ///
    /// - Parameters:
    ///   - report: without any results yet.
    ///   - measure: fills it in as results come, so that what is measured is not lost when a later part fails.
    /// - Throws: `ExitCode.failure` if a part failed or something was missed.
    package func run<Report: BenchmarkReport>(
        _ report: Report, _ measure: (TestBed, inout Report) throws -> Void
    ) throws {
        let watch = Interruption.watch()
        defer { withExtendedLifetime(watch) {} }
        Commentary.say("seed \(seed)")
        var report = report
        let workspace = try Workspace()
        do {
            try measure(TestBed(workspace: workspace, programs: programs), &report)
        } catch {
            report.failure = "\(error)"
        }
        report.leftovers = workspace.endAll().count
        let path = try report.write(to: options.output)
        print(report.tables)
        print("\nEvery sample: \(path)")
        fflush(nil)
        if let failure = report.failure {
            Commentary.say("\(failure)\nThe logs are in \(workspace.folder).")
            throw ExitCode.failure
        }
        workspace.remove()
        guard options.quick || report.bars.allSatisfy(\.isMet) else { throw ExitCode.failure }
    }
}
