import CPlatform
import Foundation
import Scheduling

/// Starts a program of ours in a session of its own, with its output in a file.
enum Spawn {
    static func start(_ command: [String], environment: [String: String], log: String) throws -> ProcessWatch {
        guard let name = command.first else { throw ControllerError(.internal, "A runtime has no program.") }
        let program = try find(name)
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let output = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer {
            close(null)
            close(output)
        }
        guard null >= 0, output >= 0 else {
            throw ControllerError(.startFailed, "\(log) cannot be opened: \(String(cString: strerror(errno)))")
        }
        let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var pid: pid_t = 0
        var descriptor: Int32 = -1
        let failure = withCStrings(command) { arguments in
            withCStrings(all.map { "\($0)=\($1)" }.sorted()) { variables in
                wc_spawn(program, arguments, variables, [null, output, output], 3, 1, &pid, &descriptor)
            }
        }
        guard failure == 0 else {
            throw ControllerError(
                .startFailed,
                "\(program) cannot be started: \(String(cString: strerror(failure))). Is the runtime set up?")
        }
        // Under memory pressure the kernel shall take a model rather than the controller.
        try? "300".write(toFile: "/proc/\(pid)/oom_score_adj", atomically: false, encoding: .utf8)
        return ProcessWatch(pid: Int(pid), descriptor: descriptor)
    }

    private static func find(_ name: String) throws -> String {
        if name.contains("/") { return name }
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        for folder in folders where access("\(folder)/\(name)", X_OK) == 0 { return "\(folder)/\(name)" }
        throw ControllerError(.startFailed, "The program '\(name)' is not in PATH. Give its full path in the config.")
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) } + [nil]
        defer { for copy in copies { free(copy) } }
        return body(copies)
    }
}
