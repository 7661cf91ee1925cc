import Foundation

/// The captured output of one process. The process appends to the file itself, so that it needs nobody to write to; the
/// controller keeps the file small.
public enum LogFile {
    /// The last lines of a log, fewer if they are not in the last 64 KiB of its file or of what was moved out of it; empty
    /// if there is no such file.
    public static func tail(of file: String, lines: Int) -> [String] {
        let recent = lastLines(of: file, atMost: lines)
        if recent.count == lines { return recent }
        // It may have been emptied a moment ago.
        return lastLines(of: file + ".1", atMost: lines - recent.count) + recent
    }

    private static func lastLines(of file: String, atMost lines: Int) -> [String] {
        guard let handle = FileHandle(forReadingAtPath: file) else { return [] }
        defer { try? handle.close() }
        let window: UInt64 = 64 << 10
        guard let end = try? handle.seekToEnd() else { return [] }
        try? handle.seek(toOffset: end > window ? end - window : 0)
        guard let data = try? handle.readToEnd() else { return [] }
        // To Swift, the two bytes of a Windows line end are one character.
        var found = String(decoding: data, as: UTF8.self).split { $0 == "\n" || $0 == "\r\n" }
        if end > window, found.count > 1 { found.removeFirst() }
        return found.suffix(lines).map(String.init)
    }

    /// Where the file has outgrown half of the limit, moves what it has to `FILE.1` and empties it, so that the two together
    /// keep to the limit (and to what was written meanwhile).
    static func limit(_ file: String, bytes: Int) {
        var status = stat()
        guard stat(file, &status) == 0, Int(status.st_size) > bytes / 2 else { return }
        let old = file + ".1"
        try? FileManager.default.removeItem(atPath: old)
        // A flood may have written more than fits; its end is what tells most.
        if let handle = FileHandle(forReadingAtPath: file) {
            try? handle.seek(toOffset: UInt64(max(Int(status.st_size) - bytes / 2, 0)))
            let kept = try? handle.read(upToCount: bytes / 2)
            _ = FileManager.default.createFile(atPath: old, contents: kept, attributes: [.posixPermissions: 0o600])
            try? handle.close()
        }
        // The writer has the file open for appending, so it goes on at the new end.
        truncate(file, 0)
    }
}
