import Foundation
import Scheduling

/// The number of this life of the controller, kept in a small file until there is a journal.
public enum Epoch {
    /// Raises it, and makes sure that it is on disk before anyone uses it.
    public static func next(in directory: RunDirectory) throws -> Int {
        let file = directory.epochFile
        var epoch = 1
        if FileManager.default.fileExists(atPath: file) {
            // One that cannot be read is no reason to begin again: names of an old epoch would be used twice.
            let text = String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
            guard let last = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)), last > 0, last < Int.max else {
                throw ControllerError(
                    .internal, "\(file) should hold one number and holds '\(text)'. Remove the run directory.")
            }
            epoch = last + 1
        }
        try DurableFile.write(Data("\(epoch)\n".utf8), to: file)
        return epoch
    }
}

/// Small files that are either as before or as wanted, also after a crash.
enum DurableFile {
    static func write(_ data: Data, to file: String) throws {
        let new = file + ".new"
        let descriptor = Glibc.open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(new) }
        defer { close(descriptor) }
        let written = data.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard written == data.count, fsync(descriptor) == 0, rename(new, file) == 0 else { throw failure(new) }
    }

    private static func failure(_ file: String) -> ControllerError {
        ControllerError(.internal, "\(file) cannot be written: \(String(cString: strerror(errno)))")
    }
}
