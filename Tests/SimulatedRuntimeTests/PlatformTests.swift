import CPlatform
import Foundation
import Testing

extension SimulatedRuntimeTests {
    /// The C that the runtime and the controller start processes with.
    @Suite struct PlatformTests {
        private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("platform-\(UUID())")

        private func run(_ script: String) throws -> (status: Int32, output: String) {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let file = folder.appendingPathComponent("output")
            let child = try spawn(["/bin/sh", "-c", script], environment: ["A=b"], output: file.path)
            defer { close(child.pidfd) }
            #expect(hasEnded(child.pidfd))
            var status: Int32 = 0
            #expect(wc_reap(child.pidfd, &status) == 1)
            #expect(wc_reap(child.pidfd, &status) == -ECHILD)
            return (status, try String(contentsOf: file, encoding: .utf8))
        }

        @Test func aChildHasOnlyTheDescriptorsAndVariablesItWasGiven() throws {
            // Not close-on-exec, above and below what the child gets.
            let leaked = dup(0)
            defer { close(leaked) }
            let result = try run("ls /proc/$$/fd; echo A=$A, HOME is ${HOME-unset}")
            #expect(result.output == "0\n1\n2\nA=b, HOME is unset\n")
            #expect(result.status == 0)
        }

        @Test func statusAndSignalAreToldAsWaitpidTellsThem() throws {
            #expect(try run("exit 7").status == 7 << 8)
            #expect(try run("kill -9 $$").status == 9)
        }

        @Test func ignoredSignalsAreResetInTheChild() throws {
            wc_ignore_sigpipe()
            #expect(try run("kill -PIPE $$; echo survived").status == SIGPIPE)
        }

        @Test func whatCannotBeExecutedIsToldByItsErrno() {
            var pid: pid_t = 0
            var pidfd: Int32 = -1
            var arguments: [UnsafeMutablePointer<CChar>?] = [nil]
            #expect(wc_spawn("/nothing/here", &arguments, &arguments, [], 0, 0, &pid, &pidfd) == ENOENT)
            #expect(wc_spawn("/tmp", &arguments, &arguments, [], 0, 0, &pid, &pidfd) == EACCES)
            #expect(wc_spawn("/bin/true", &arguments, &arguments, [-1], 1, 0, &pid, &pidfd) == EBADF)
            #expect(wc_spawn("/bin/true", &arguments, &arguments, [], 17, 0, &pid, &pidfd) == EINVAL)
            #expect(pidfd == -1)
        }

        @Test func aPeerIsKnownByItsSocket() {
            var pair: [Int32] = [-1, -1]
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
            defer { pair.forEach { close($0) } }
            var pid: pid_t = 0
            var uid: uid_t = 0
            #expect(wc_peer(pair[0], &pid, &uid) == 0)
            #expect(pid == getpid() && uid == getuid())
            #expect(wc_peer(-1, &pid, &uid) == -EBADF)
        }

        @Test func aFileIsLockedOnce() throws {
            let path = FileManager.default.temporaryDirectory.appendingPathComponent("lock-\(UUID())").path
            defer { unlink(path) }
            let first = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            let second = open(path, O_RDWR | O_CLOEXEC)
            defer { close(second) }
            #expect(wc_lock_file(first) == 0)
            #expect(wc_lock_file(second) == -EWOULDBLOCK)
            close(first)
            #expect(wc_lock_file(second) == 0)
        }

        @Test func affinityIsReadAndSetForOneThread() async {
            let cores: [Int32] = await withCheckedContinuation { continuation in
                // A thread of its own, so that no other keeps the change.
                Thread.detachNewThread {
                    var cores = [Int32](repeating: -1, count: 1024)
                    let count = wc_affinity(&cores, 1024)
                    guard count > 0, wc_set_affinity(&cores, 1) == 0 else { return continuation.resume(returning: []) }
                    var now = [Int32](repeating: -1, count: 2)
                    let left = wc_affinity(&now, 2)
                    continuation.resume(returning: [left, now[0] - cores[0], wc_set_affinity([-1], 1)])
                }
            }
            #expect(cores == [1, 0, -EINVAL])
        }

        @Test func aProcessThatIsGoneHasNoPidfd() {
            #expect(wc_pidfd_open(pid_t.max) == -ESRCH)
            #expect(wc_pidfd_signal(-1, SIGTERM) == -EBADF)
        }
    }
}
