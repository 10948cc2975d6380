"""
What `ssh` runs to ask for a password: it hands the question to us, and our answer to `ssh`.

Started as a program of its own, with the path of a socket and the question. Neither holds a
secret; the answer travels through the socket, which is in a directory that only we can enter.
"""

import socket
import sys


def ask(path: str, question: str) -> str:
    """Hand over the question and wait for the answer; empty where there is none."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(question.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(4096):
            answer += data
    return answer.decode()


if __name__ == "__main__":
    said = ask(*sys.argv[1:3])
    sys.stdout.write(said)
    sys.exit(not said)
